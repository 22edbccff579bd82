package pool

import "sync/atomic"

// Line is an owner's place in Strands: the zero Line is ready to use and empty. It must not be
// copied once used, and all pushes to it go through the same Strands.
//
// Line: 8 bytes = the pointer to the strand, nil while nothing is queued.
type Line[O, T any] struct {
	s atomic.Pointer[strand[O, T]]
}

// Depth returns how many items wait; what is being run does not count. It may be called from any
// goroutine and is out of date at once, unless the caller keeps others from pushing and is the item
// that runs.
func (l *Line[O, T]) Depth() int {
	s := l.s.Load()
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != l {
		return 0
	}
	return s.waiting()
}
