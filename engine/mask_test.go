package engine

import (
	"sync"
	"testing"
)

// No key comes twice from one batch or from two, also when many ask at a time.
func TestMaskKeys(t *testing.T) {
	const each, workers = 2 * maskBatchBytes, 4
	keys := make([][][4]byte, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for range each {
				keys[w] = append(keys[w], newMask())
			}
		})
	}
	all.Wait()
	seen, bits := map[[4]byte]int{}, [32]int{}
	for _, list := range keys {
		for _, k := range list {
			seen[k]++
			for i := range bits {
				bits[i] += int(k[i/8] >> (i % 8) & 1)
			}
		}
	}
	// Of 8192 keys of 32 random bits, 0.008 pairs are equal: three are a batch
	// that was used twice.
	if n := each * workers; len(seen) < n-2 {
		t.Errorf("%d different keys of %d", len(seen), n)
	}
	for i, n := range bits { // 10 standard deviations
		if mean := each * workers / 2; n < mean-453 || n > mean+453 {
			t.Errorf("bit %d is set in %d keys of %d", i, n, 2*mean)
		}
	}
}

func BenchmarkMaskKey(b *testing.B) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			newMask()
		}
	})
}
