package pool

import (
	"sync"
	"sync/atomic"
)

// strand is the queue of one owner while there is something in it.
//
// With mu held, line is l exactly when l points to the strand. Whoever loaded that pointer from l
// looks again once it has mu: by then the strand may be home, or another's.
type strand[O, T any] struct {
	task
	home *Strands[O, T]

	// Owned by the worker that steps it:
	open bool // Before was called, After is due
	now  load[T]

	// pushed and begun count the calls of Run, for all owners: what is between them waits. pushed is
	// changed with mu held, begun by the worker without it, so that the calls of one push take the
	// lock once.
	pushed, begun atomic.Uint64

	mu    sync.Mutex // guards the following; the lock of the Workers is taken inside it
	line  *Line[O, T]
	owner O
	loads ring[load[T]]
	by    uint64 // goroutine that makes the last call; 0: none does
	tag   uint8  // of its item
}

// load is an item and how many calls of Run are due for it.
type load[T any] struct {
	item T
	due  int
}

// add queues item for n calls and returns how many wait, or 0 when the strand is not l's any more.
func (s *strand[O, T]) add(l *Line[O, T], item *T, n int) int {
	s.mu.Lock()
	if s.line != l {
		s.mu.Unlock()
		return 0
	}
	depth := s.push(item, n)
	s.mu.Unlock()
	return depth
}

// push queues item for n calls and returns how many wait. mu is held.
func (s *strand[O, T]) push(item *T, n int) int {
	*s.loads.push() = load[T]{*item, n}
	s.pushed.Add(uint64(n))
	return s.waiting()
}

// waiting is how many calls were asked for and not begun. mu is held, or the caller is the worker:
// then more may be asked for at once.
func (s *strand[O, T]) waiting() int { return int(s.pushed.Load() - s.begun.Load()) }

// step makes a batch of calls, or less if there are no more.
func (s *strand[O, T]) step(goroutine uint64) bool {
	o := &s.home.o
	if s.open { // an item ended its goroutine
		s.after(o)
	}
	if s.now.due > 0 { // the last batch ended within an item
		s.madeBy(goroutine)
	}
	for n := o.Batch; n > 0; n-- {
		if s.now.due == 0 && !s.take(goroutine) {
			return false
		}
		if !s.open {
			s.before(o)
		}
		s.now.due--
		s.begun.Add(1)
		left := s.waiting()
		o.Run(s.owner, &s.now.item, left)
		if left == 0 || n == 1 {
			s.after(o)
		}
	}
	s.madeBy(0)
	return true
}

// before begins what runs without a pause.
func (s *strand[O, T]) before(o *StrandsOptions[O, T]) {
	s.open = true
	if o.Before != nil {
		o.Before(s.owner)
	}
}

// after ends what runs without a pause.
func (s *strand[O, T]) after(o *StrandsOptions[O, T]) {
	s.open = false
	if o.After != nil {
		o.After(s.owner)
	}
}

// madeBy notes whose the next calls are.
func (s *strand[O, T]) madeBy(goroutine uint64) {
	s.mu.Lock()
	s.by = goroutine
	s.mu.Unlock()
}

// take makes the first item the one that is run, by a goroutine. When there is none it sends the
// strand home and is false: the strand may be another's at once.
func (s *strand[O, T]) take(goroutine uint64) bool {
	s.mu.Lock()
	if s.loads.len > 0 {
		s.now, s.by = s.loads.pop(), goroutine
		if tag := s.home.o.Tag; tag != nil {
			s.tag = tag(&s.now.item)
		}
		s.mu.Unlock()
		return true
	}
	var nobody O
	s.line.s.Store(nil)
	s.line, s.owner, s.by = nil, nobody, 0
	s.now = load[T]{}
	s.loads.shrink()
	s.mu.Unlock()
	s.home.free.Put(s)
	return false
}
