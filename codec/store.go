package codec

import "math"

// Store lends the memory in which a Decoder keeps a message that is not yet
// whole. It is called by the goroutine that feeds the Decoder.
type Store interface {
	// Grow returns memory that holds the bytes of b, with their length and a
	// capacity of at least need. b may be nil; else it came from Grow, and it
	// is the Store's again.
	Grow(b []byte, need int) []byte
}

// heapStore is the Store of a Decoder that was given none: memory is made, and
// left to the garbage collector.
type heapStore struct{}

func (heapStore) Grow(b []byte, need int) []byte {
	grown := make([]byte, len(b), need)
	copy(grown, b)
	return grown
}

// The memory of a message follows the bytes that came, not those that were
// declared: it may become growFactor times as large as what is there, and
// firstGrow at once. From quickBytes on it is quickFactor times: a peer that sent so
// much means it, and each time that memory grows all that came is moved.
const (
	firstGrow   = 4096
	growFactor  = 4
	quickBytes  = 32 << 10
	quickFactor = 16
)

// growTo returns the capacity to ask for when a message of which have bytes
// are (nearly) there is known to need at least known bytes, known ≥ have.
func growTo(have int, known uint64) int {
	want := max(firstGrow, growFactor*uint64(have))
	if have >= quickBytes {
		want = quickFactor * uint64(have)
	}
	return int(min(known, want, math.MaxInt))
}
