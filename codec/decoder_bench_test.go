package codec

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecoder feeds one whole masked frame: the hot path. It unmasks in
// place, so a second time the frame is masked bytes again. Text must be valid
// each time, so its key is zero.
func BenchmarkDecoder(b *testing.B) {
	for _, size := range []int{0, 8, 15, 32, 125, 512, 4096, 65000} {
		for _, op := range []OpCode{OpBinary, OpText} {
			name, key := "binary", testMask
			if op == OpText {
				name, key = "text", [4]byte{}
			}
			b.Run(fmt.Sprintf("%s=%d", name, size), func(b *testing.B) {
				frame := AppendFrame(nil, Header{Op: op, Fin: true, Masked: true, Mask: key}, []byte(strings.Repeat("x", size)))
				var d Decoder
				d.Reset(&Config{MaxMessageBytes: 1 << 20, MaxFragments: 16384}, nil)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if ev, _, _ := d.Next(frame); ev.Kind != Message {
						b.Fatal(ev.Kind)
					}
				}
			})
		}
	}
}

// BenchmarkDecoderPieces feeds a message of three frames with a ping inside, in pieces:
// the way of everything that is not hot.
func BenchmarkDecoderPieces(b *testing.B) {
	payload := strings.Repeat("x", 64)
	h := Header{Op: OpText, Masked: true}
	in := AppendFrame(nil, h, []byte(payload))
	h.Op = OpContinuation
	in = AppendFrame(AppendFrame(in, h, []byte(payload)), Header{Op: OpPing, Fin: true, Masked: true}, nil)
	h.Fin = true
	in = AppendFrame(in, h, []byte(payload))
	for _, step := range []int{len(in), 50, 7} {
		b.Run(fmt.Sprint(step), func(b *testing.B) {
			var d Decoder
			d.Reset(nil, reused(make([]byte, 0, 4096)))
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := in; len(rest) > 0; {
					_, n, err := d.Next(rest[:min(step, len(rest))])
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}
