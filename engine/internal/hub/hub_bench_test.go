package hub

import (
	"fmt"
	"testing"
)

// Somebody comes and somebody goes.
func BenchmarkAddRemove(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s Shard[item, *item]
			all := make([]item, n+b.N)
			for i := range n {
				s.Add(&all[i])
			}
			b.ResetTimer()
			for i := range b.N {
				s.Add(&all[n+i])
				s.Remove(&all[i])
			}
		})
	}
}

// What a publication does first.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var s Shard[item, *item]
			all := make([]item, n)
			for i := range all {
				s.Add(&all[i])
			}
			var dst []*item
			b.ReportAllocs()
			for b.Loop() {
				dst = s.Append(dst[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
