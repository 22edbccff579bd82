// Package wheel holds the deadlines of many owners in coarse ticks that are advanced from above.
//
// Most programs import engine only.
package wheel

import "math/bits"

// Wheel holds at most one deadline for each of its owners, and allocates nothing for them. It is
// not safe for concurrent use: one goroutine owns it. It knows no clock: Advance tells it the time,
// which begins at tick 0 and wraps around after 1<<32 ticks.
//
// Wheel: 2672 bytes = 8 node + 8 len + 4 now + 4 padding + 6 × 8 occupied + 325 × 8 slots.
type Wheel[T any] struct {
	node     func(*T) *Node[T]
	len      int
	now      uint32
	occupied [levels]uint64 // a bit for each slot of a level that is not empty
	slots    [slots]*T      // the first of each slot's list
}

// New returns an empty Wheel at tick 0. node returns the Node that its argument embeds, always the
// same one.
func New[T any](node func(*T) *Node[T]) *Wheel[T] {
	return &Wheel[T]{node: node}
}

// Len returns how many deadlines are set, those included that came due in an Advance which has not
// fired them yet.
func (w *Wheel[T]) Len() int {
	return w.len
}

// Now returns the tick that the wheel was advanced to last.
func (w *Wheel[T]) Now() uint32 {
	return w.now
}

// Set has t fire in the first Advance that reaches tick, instead of whenever it was set to before.
// A tick that is now or past counts as the next one; those more than 1<<31 - 1 ahead of now are
// past. Its cost doesn't depend on how many deadlines there are.
func (w *Wheel[T]) Set(t *T, tick uint32) {
	n := w.node(t)
	if int32(tick-w.now) <= 0 {
		tick = w.now + 1
	}
	switch {
	case n.slot == 0:
		w.len++
	case n.when == tick:
		return
	default:
		w.unlink(n)
	}
	n.when = tick
	w.link(t, n, w.slotOf(tick))
}

// Clear takes back t's deadline, if it has one. Its cost doesn't depend on how many there are.
func (w *Wheel[T]) Clear(t *T) {
	n := w.node(t)
	if n.slot == 0 {
		return
	}
	w.unlink(n)
	w.len--
}

// Advance moves to tick now and calls fire once for each owner whose deadline that reaches, in no
// particular order; the deadline is cleared before the call. fire may Set and Clear any owner: one
// that is cleared or set anew before its turn does not fire, and what is set to now or before fires
// in the next Advance that moves on. fire must not call Advance. A now that is not after the last
// one moves nothing.
//
// The cost is that of the slots passed, of which there are at most 324 however far the jump, and of
// the entries that fire or move down a level, at most five times in their life.
func (w *Wheel[T]) Advance(now uint32, fire func(*T)) {
	if int32(now-w.now) > 0 {
		w.move(now)
	}
	for w.slots[due] != nil {
		t := w.slots[due]
		w.unlink(w.node(t))
		w.len--
		fire(t)
	}
}

// Next returns the tick up to which no Advance has anything to do, and false when no deadline is
// set. It is never after the earliest deadline. It is the earliest deadline if that one is in the
// present 64 ticks, and otherwise where 64 ticks or a higher power of that begin: having advanced
// to there, Next knows better. The cost is a few instructions.
func (w *Wheel[T]) Next() (tick uint32, ok bool) {
	if w.slots[due] != nil {
		return w.now, true
	}
	for level, occupied := range w.occupied {
		if occupied == 0 {
			continue
		}
		shift := level * digitBits
		digit := w.now >> shift
		if level == levels-1 {
			occupied |= occupied << topDigits // its digit wraps
		}
		ahead := bits.TrailingZeros64(occupied>>(digit%digits+1)) + 1
		return (digit + uint32(ahead)) << shift, true
	}
	return 0, false
}
