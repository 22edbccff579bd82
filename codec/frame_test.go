package codec

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// The examples of RFC 6455, 5.7.
func TestAppendFrameExamples(t *testing.T) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, c := range []struct {
		name    string
		h       Header
		payload []byte
		want    []byte
	}{
		{"unmasked text", Header{Op: OpText, Fin: true}, []byte("Hello"), []byte("\x81\x05Hello")},
		{"masked text", Header{Op: OpText, Fin: true, Masked: true, Mask: mask}, []byte("Hello"),
			[]byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}},
		{"first fragment", Header{Op: OpText}, []byte("Hel"), []byte("\x01\x03Hel")},
		{"last fragment", Header{Op: OpContinuation, Fin: true}, []byte("lo"), []byte("\x80\x02lo")},
		{"ping", Header{Op: OpPing, Fin: true}, []byte("Hello"), []byte("\x89\x05Hello")},
		{"256 bytes", Header{Op: OpBinary, Fin: true}, make([]byte, 256), append([]byte{0x82, 0x7e, 1, 0}, make([]byte, 256)...)},
		{"64 KiB", Header{Op: OpBinary, Fin: true}, make([]byte, 65536),
			append([]byte{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 65536)...)},
		{"compressed", Header{Op: OpText, Fin: true, RSV1: true}, nil, []byte{0xc1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := bytes.Clone(c.payload)
			got := AppendFrame([]byte("before"), c.h, c.payload)
			if want := append([]byte("before"), c.want...); !bytes.Equal(got, want) {
				t.Fatalf("got % x, want % x", got, want)
			}
			if !bytes.Equal(c.payload, before) {
				t.Fatal("the payload was written to")
			}
		})
	}
}

// The header is that of gobwas/ws, and has the length that HeaderLen says.
func TestAppendHeader(t *testing.T) {
	lengths := []int{0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1 << 24, math.MaxInt32, math.MaxInt}
	for _, length := range lengths {
		for _, mask := range []*[4]byte{nil, &testMask} {
			for _, op := range []OpCode{OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong} {
				for bits := range 4 {
					fin, rsv1 := bits&1 != 0, bits&2 != 0
					got := AppendHeader(nil, op, fin, rsv1, length, mask)
					h := ws.Header{Fin: fin, Rsv: ws.Rsv(rsv1, false, false), OpCode: op, Length: int64(length)}
					if mask != nil {
						h.Masked, h.Mask = true, *mask
					}
					var want bytes.Buffer
					if err := ws.WriteHeader(&want, h); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, want.Bytes()) {
						t.Fatalf("%+v: got % x, want % x", h, got, want.Bytes())
					}
					if n := HeaderLen(length, mask != nil); n != len(got) || n > MaxHeaderBytes {
						t.Fatalf("%+v: HeaderLen is %d, the header %d", h, n, len(got))
					}
				}
			}
		}
	}
}

func TestAppendHeaderNegative(t *testing.T) {
	defer func() {
		if r := recover(); !strings.HasPrefix(fmt.Sprint(r), "codec: ") {
			t.Fatalf("got panic %v", r)
		}
	}()
	AppendHeader(nil, OpText, true, false, -1, nil)
}
