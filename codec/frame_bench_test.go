package codec

import (
	"fmt"
	"testing"
)

func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range []int{32, 512, 16384} {
		for _, masked := range []bool{false, true} {
			b.Run(fmt.Sprintf("size=%d/masked=%v", size, masked), func(b *testing.B) {
				payload := make([]byte, size)
				dst := make([]byte, 0, size+MaxHeaderBytes)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					dst = AppendFrame(dst[:0], Header{Op: OpBinary, Fin: true, Masked: masked, Mask: testMask}, payload)
				}
			})
		}
	}
}
