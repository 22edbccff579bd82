package pool

import (
	"math/bits"

	"github.com/valyala/bytebufferpool"
)

// class holds the free memory of one power-of-two size.
//
// bytebufferpool learns sizes from the lengths that it gets back: after 42,000 of them it makes its
// new buffers as long as the commonest and drops what is longer than nearly all. One pool per class
// and giving memory back at its full length (see keep) turn that into a law we can rely on: the
// only length that a pool ever sees is its class's size, so the size it makes is that size and what
// it drops is nothing. Before it has learned it makes buffers of no capacity, and when two
// goroutines have it learn at once it may learn from nothing and make short ones: lend replaces
// both. Learning costs it half a kilobyte of garbage each time.
type class struct {
	free bytebufferpool.Pool
	_    [64]byte // the next class's counters are on another cache line
}

// oversize is the class of what is larger than the largest: it has no pool.
const oversize = maxClassBits - minClassBits + 1

// classes are shared by the process, like the heap that they stand before.
var classes [oversize]class

// classFor returns the smallest class whose size is at least n.
func classFor(n int) uint8 {
	if n <= 1<<minClassBits {
		return 0
	}
	return uint8(min(bits.Len(uint(n-1))-minClassBits, oversize))
}

// classIn returns the largest class whose size is at most n, which is no less than the smallest
// size.
func classIn(n int) uint8 {
	return uint8(bits.Len(uint(n)) - 1 - minClassBits)
}

// classBytes is the size of class c, which is not oversize.
func classBytes(c uint8) int {
	return 1 << (minClassBits + int(c))
}

// lend takes memory of class c's size out of its pool.
func lend(c uint8) *bytebufferpool.ByteBuffer {
	m := classes[c].free.Get()
	if cap(m.B) < classBytes(c) {
		m.B = make([]byte, 0, classBytes(c))
		return m
	}
	checkPoison(m.B)
	return m
}

// keep gives m's memory, of exactly class c's size, back to its pool.
func keep(c uint8, m *bytebufferpool.ByteBuffer) {
	m.B = m.B[:classBytes(c)]
	classes[c].free.Put(m)
}
