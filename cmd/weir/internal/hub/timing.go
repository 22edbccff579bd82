package hub

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Timing counts durations by the power of two that is above them. Its methods
// may be called from any goroutine. The zero Timing is empty.
type Timing struct {
	sum     atomic.Int64
	buckets [timingBuckets]atomic.Uint64
}

// timingBuckets reach from a microsecond to half a minute.
const timingBuckets = 26

// Add counts d.
func (t *Timing) Add(d time.Duration) {
	t.sum.Add(int64(d))
	t.buckets[min(max(bits.Len64(uint64(max(d, 0)))-10, 0), timingBuckets-1)].Add(1)
}

// Snapshot returns how often a duration was below each bound, in seconds, how
// many there were, and their sum in seconds.
func (t *Timing) Snapshot() (below map[float64]uint64, n uint64, sum float64) {
	below = make(map[float64]uint64, timingBuckets)
	for i := range t.buckets {
		n += t.buckets[i].Load()
		if i < timingBuckets-1 { // the last has no bound
			below[(time.Duration(1) << (10 + i)).Seconds()] = n
		}
	}
	return below, n, time.Duration(t.sum.Load()).Seconds()
}
