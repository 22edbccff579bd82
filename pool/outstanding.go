package pool

import "sync/atomic"

// tallies count the buffers that are lent. A Buffer is always counted by the same one, and as those
// that are home stay on the core that they came home on, cores seldom meet at a counter.
var tallies [1 << 4]struct {
	out atomic.Int64
	_   [56]byte // the next one is on another cache line
}

// made deals the Buffers to the tallies.
var made atomic.Uint32

// newHeader returns a Buffer that was never lent.
func newHeader() *Buffer {
	return &Buffer{tally: uint8(made.Add(1) % uint32(len(tallies)))}
}

// Outstanding returns how many Buffers have holders. It may be called from any goroutine and is
// exact when no Get or Release is under way; tests compare it before and after to find leaks.
func Outstanding() int64 {
	var n int64
	for i := range tallies {
		n += tallies[i].out.Load()
	}
	return n
}
