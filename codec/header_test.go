package codec

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzHeader: parseHead reads what the blocking reader of gobwas/ws reads, asks
// for more exactly where that one meets the end of its input, and judges by the
// rules of ws.CheckHeader where those are the rules.
func FuzzHeader(f *testing.F) {
	f.Add([]byte{0x81, 0x85, 1, 2, 3, 4}, byte(0))
	f.Add([]byte{0x02, 0x7e, 0x01, 0x00}, byte(1))
	f.Add([]byte{0x89, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, byte(4))
	f.Add([]byte{0xc1, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, byte(2))
	f.Fuzz(func(t *testing.T, b []byte, flags byte) {
		got, n := parseHead(b)
		r := bytes.NewReader(b)
		want, err := ws.ReadHeader(r)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if n != 0 {
				t.Fatalf("n = %d of a header that is not whole", n)
			}
			return
		case errors.Is(err, ws.ErrHeaderLengthMSB):
			if n != 0 && got.length>>63 == 0 {
				t.Fatalf("length %d without its highest bit", got.length)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		if n != len(b)-r.Len() {
			t.Fatalf("n = %d, want %d", n, len(b)-r.Len())
		}
		if OpCode(got.b0&bitsOp) != want.OpCode || (got.b0&bitFIN != 0) != want.Fin || got.b0>>4&7 != want.Rsv ||
			(got.b1&bitMask != 0) != want.Masked || got.mask != want.Mask || got.length != uint64(want.Length) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		judge(t, got, want, flags)
	})
}

// judge compares judgeBits with ws.CheckHeader.
func judge(t *testing.T, got head, want ws.Header, flags byte) {
	d := Decoder{client: flags&1 != 0, open: flags&2 != 0, deflate: flags&4 != 0}
	state := ws.StateServerSide
	if d.client {
		state = ws.StateClientSide
	}
	if d.open {
		state = state.Set(ws.StateFragmented)
	}
	if d.deflate {
		state = state.Set(ws.StateExtended)
	}
	e, err := d.judgeBits(got.b0, got.b1), ws.CheckHeader(want, state)
	if e == nil && err != nil {
		t.Fatalf("%+v: no error, want %v", want, err)
	}
	// Stricter on purpose: RSV bits that deflate does not define, a close of one
	// byte, and a control frame with an extended length.
	stricter := d.deflate && want.Rsv != 0 || want.OpCode == OpClose && want.Length == 1 ||
		want.OpCode.IsControl() && got.b1&bitsLen > MaxControlBytes
	if e != nil && err == nil && !stricter {
		t.Fatalf("%+v: got %v, want no error", want, e)
	}
}

func TestParseHeadShort(t *testing.T) {
	for _, size := range []int{0, 2, 8} {
		b := lengthHead(OpText, size, 100)
		for cut := range len(b) {
			if _, n := parseHead(b[:cut]); n != 0 {
				t.Errorf("%d of %d bytes: n = %d, want 0", cut, len(b), n)
			}
		}
		if h, n := parseHead(append(b, "payload"...)); n != len(b) || h.length != 100 {
			t.Errorf("got n = %d and length %d, want %d and 100", n, h.length, len(b))
		}
	}
}
