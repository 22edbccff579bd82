package codec

import (
	"fmt"
	"strings"
	"testing"
)

var benchMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// BenchmarkDecoder feeds one whole masked frame per iteration: the hot path.
// Masking is undone in place, so odd iterations decode the masked bytes of what
// the even ones left; for text, whose unmasked bytes must be valid, the mask is
// zero.
func BenchmarkDecoder(b *testing.B) {
	for _, size := range []int{0, 8, 15, 32, 125, 512, 4096, 65000} {
		for _, op := range []OpCode{OpBinary, OpText} {
			b.Run(fmt.Sprintf("%s=%d", map[OpCode]string{OpBinary: "binary", OpText: "text"}[op], size), func(b *testing.B) {
				mask := benchMask
				if op == OpText {
					mask = [4]byte{}
				}
				frame := AppendFrame(nil, Header{Op: op, Fin: true, Masked: true, Mask: mask}, []byte(strings.Repeat("x", size)))
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
