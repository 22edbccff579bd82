package engine

import (
	"crypto/rand"
	"sync"
)

// maskBatch is randomness that masking keys are cut from: a system call for
// each key would cost more than the frame.
type maskBatch struct {
	random [maskBatchBytes]byte
	used   int
}

var maskBatches = sync.Pool{New: func() any { return &maskBatch{used: maskBatchBytes} }}

// newMask returns the masking key of one frame: RFC 6455, 5.3, wants it new for
// each, and from a strong source, so that nobody who chooses the payload can
// choose what is seen on the wire.
func newMask() (mask [4]byte) {
	m := maskBatches.Get().(*maskBatch)
	if m.used == len(m.random) {
		rand.Read(m.random[:]) // never fails
		m.used = 0
	}
	mask = [4]byte(m.random[m.used:])
	m.used += len(mask)
	maskBatches.Put(m)
	return mask
}
