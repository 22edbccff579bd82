package pool

import "sync"

// strand is the queue of one owner while there is something in it.
//
// With mu held, line is l exactly when l points to the strand. Whoever loaded that pointer from l
// looks again once it has mu: by then the strand may be home, or another's.
type strand[O, T any] struct {
	task
	home *Strands[O, T]

	// Owned by the worker that steps it:
	open bool // Before was called, After is due

	mu    sync.Mutex // guards the following; the lock of the Workers is taken inside it
	line  *Line[O, T]
	owner O
	items ring[T]
	turns uint64 // items taken so far, by all owners
	by    uint64 // goroutine that runs the last of them; 0: none does
	tag   uint8  // of that item
}

// add queues item and returns how many wait, or 0 when the strand is not l's any more.
func (s *strand[O, T]) add(l *Line[O, T], item T) int {
	s.mu.Lock()
	if s.line != l {
		s.mu.Unlock()
		return 0
	}
	s.items.push(item)
	n := s.items.len
	s.mu.Unlock()
	return n
}

// step runs a batch of items, or less if there are no more.
func (s *strand[O, T]) step(goroutine uint64) bool {
	o := &s.home.o
	if s.open { // an item ended its goroutine
		s.after(o)
	}
	for n := o.Batch; n > 0; n-- {
		item, left, ok := s.take(goroutine)
		if !ok {
			return false
		}
		if !s.open {
			s.before(o)
		}
		o.Run(s.owner, item, left)
		if left == 0 || n == 1 {
			s.after(o)
		}
	}
	s.mu.Lock()
	s.by = 0
	s.mu.Unlock()
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

// take returns the first item, for a goroutine to run, and how many are left behind it. When there
// is none it sends the strand home and is not ok: the strand may be another's at once.
func (s *strand[O, T]) take(goroutine uint64) (item T, left int, ok bool) {
	s.mu.Lock()
	if s.items.len > 0 {
		s.turns++
		s.by = goroutine
		if tag := s.home.o.Tag; tag != nil {
			s.tag = tag(s.items.first())
		}
		item, left = s.items.pop(), s.items.len
		s.mu.Unlock()
		return item, left, true
	}
	var nobody O
	s.line.s.Store(nil)
	s.line, s.owner, s.by = nil, nobody, 0
	s.items.shrink()
	s.mu.Unlock()
	s.home.free.Put(s)
	return item, 0, false
}
