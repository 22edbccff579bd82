package codec

import (
	"fmt"
	"testing"
)

func BenchmarkMask(b *testing.B) {
	for _, size := range []int{4, 15, 32, 125, 1024, 65536} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				Mask(p, testMask, 0)
			}
		})
	}
}
