package pool

import (
	"fmt"
	"sync"
)

// StrandsOptions say what Strands do with an item. Run is required.
type StrandsOptions[O, T any] struct {
	// Run handles one item of owner. It is called on a goroutine of the Workers, for one owner in
	// the order of its pushes and never twice at a time, for different owners concurrently. It
	// recovers from the panics of what it calls: one that it lets through ends the process. It may
	// push to any Line and may block, which costs the others a goroutine. item is its to change until
	// it returns.
	//
	// left is how many items waited behind this one when it was taken. Each item is one fewer, so
	// after a Push that returned more than n there is always a call with left == n: who stops
	// feeding at a depth can start again there, without looking twice. An item of PushN counts as
	// many as it has calls left.
	Run func(owner O, item *T, left int)

	// Before and After, where not nil, are called around the items that run without a pause: Before
	// ahead of the first, After when nothing waits behind the last or Batch is used up. They
	// alternate strictly, on the same goroutine as the items between them, so that an owner can
	// hold back its output in one and write it in the other. They neither panic nor end their
	// goroutine. When an item ends its goroutine with runtime.Goexit, After is called on another
	// one.
	Before, After func(owner O)

	// Tag, where not nil, says in a byte what kind of item it is, for Running to tell. It is called
	// before each item, with a lock held: it only looks at it.
	Tag func(item *T) uint8

	// Batch is how many items of one owner run before it goes to the back of the queue; 64.
	Batch int
}

// Strands run items of many owners on Workers: those of one owner in order, one at a time. The
// owner keeps a [Line] and nothing else: eight bytes, which point to a strand while items are
// queued. Strands are lent, and go home when the last item has run; owners at rest cost nothing
// more.
type Strands[O, T any] struct {
	w    *Workers
	o    StrandsOptions[O, T]
	free sync.Pool // *strand[O, T]
}

// NewStrands returns Strands that run on w. Any number may share Workers. It panics when Run is nil
// or Batch negative.
func NewStrands[O, T any](w *Workers, o StrandsOptions[O, T]) *Strands[O, T] {
	if w == nil || o.Run == nil || o.Batch < 0 {
		panic(fmt.Sprintf("pool: NewStrands: Workers are nil: %t, Run is nil: %t, Batch is %d", w == nil, o.Run == nil, o.Batch))
	}
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	return &Strands[O, T]{w: w, o: o}
}

// Push queues item behind all that l holds and returns how many items wait now, this one included;
// what is being run does not count. It takes ownership of what item holds, unless it returns 0:
// then the Workers are closed, the item will not run and is still the caller's. The bound on the
// depth is the caller's too: Push takes whatever comes.
//
// It may be called from any goroutine, items included. It never blocks on what runs, and allocates
// nothing once warm. Pushes that happen one after the other run in that order. All pushes to l name
// the same owner.
func (ss *Strands[O, T]) Push(owner O, l *Line[O, T], item T) (depth int) {
	return ss.PushN(owner, l, item, 1)
}

// PushN is Push of an item that stands for n, at least one: Run is called n times for it before any
// other of its owner, always with the same item, in which it can leave word of how far it is. In all
// else each call is an item.
func (ss *Strands[O, T]) PushN(owner O, l *Line[O, T], item T, n int) (depth int) {
	if n < 1 {
		panic(fmt.Sprintf("pool: PushN of %d", n))
	}
	for {
		s := l.s.Load()
		if s == nil {
			if depth, ok := ss.begin(owner, l, &item, n); ok {
				return depth
			}
			continue
		}
		if depth := s.add(l, &item, n); depth > 0 {
			return depth
		}
	}
}

// begin lends l a strand with item on it and returns the depth, 0 when the Workers are closed. It
// is not ok when another goroutine lent l one first.
func (ss *Strands[O, T]) begin(owner O, l *Line[O, T], item *T, n int) (depth int, ok bool) {
	s, _ := ss.free.Get().(*strand[O, T])
	if s == nil {
		s = &strand[O, T]{home: ss}
		s.task.do = s
	}
	s.mu.Lock()
	if !l.s.CompareAndSwap(nil, s) {
		s.mu.Unlock()
		ss.free.Put(s)
		return 0, false
	}
	wk, ok := ss.w.enqueue(&s.task)
	if !ok {
		l.s.Store(nil)
		s.mu.Unlock()
		ss.free.Put(s)
		return 0, true
	}
	s.line, s.owner = l, owner
	depth = s.push(item, n)
	s.mu.Unlock()
	wk.rouse()
	return depth, true
}
