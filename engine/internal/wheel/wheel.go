// Package wheel holds the deadlines of many owners in coarse ticks that are advanced from above.
//
// Most programs import engine only.
package wheel

import "math/bits"

// A tick is six digits in base 64, the highest of which has two bits only. A deadline is kept in the
// level of the highest digit in which it differs from now, in the slot which that digit names. When now
// reaches a slot of an upper level, what is in it moves down: an entry moves at most once per level.
const (
	digitBits = 6
	digits    = 1 << digitBits
	levels    = 6
	topDigits = 1 << (32 - digitBits*(levels-1))

	// due is the slot of what has come due and was not fired yet; one after the last of the levels.
	due   = (levels-1)*digits + topDigits
	slots = due + 1
)

// Node is what an owner embeds to be in a Wheel. The zero Node is in none. It must not be copied while it is in
// one.
//
// Node: 24 bytes = 16 B links + 4 when + 2 slot + 2 padding.
type Node[T any] struct {
	next, prev *T
	when       uint32
	slot       uint16 // one more than the index of the slot; 0: in no wheel
}

// Armed reports whether the node is in a wheel: its deadline was set and neither cleared nor fired since.
func (n *Node[T]) Armed() bool {
	return n.slot != 0
}

// Wheel holds at most one deadline for each of its owners, and allocates nothing for them. It is not safe
// for concurrent use: one goroutine owns it. It knows no clock: Advance tells it the time, which begins at tick 0 and
// wraps around after 1<<32 ticks.
//
// Wheel: 2.7 KB = 325 slots of 8 B + 48 B occupied + node, len, now.
type Wheel[T any] struct {
	node     func(*T) *Node[T]
	len      int
	now      uint32
	occupied [levels]uint64 // a bit for each slot of a level that is not empty
	slots    [slots]*T      // the first of each slot's list
}

// New returns an empty Wheel at tick 0. node returns the Node that its argument embeds, always the same one.
func New[T any](node func(*T) *Node[T]) *Wheel[T] {
	return &Wheel[T]{node: node}
}

// Len returns how many deadlines are set, those included that came due in an Advance which has not fired them yet.
func (w *Wheel[T]) Len() int {
	return w.len
}

// Now returns the tick that the wheel was advanced to last.
func (w *Wheel[T]) Now() uint32 {
	return w.now
}

// Set has t fire in the first Advance that reaches tick, instead of whenever it was set to before. A tick that is now or
// past counts as the next one; those more than 1<<31 - 1 ahead of now are past. Its cost doesn't depend on how
// many deadlines there are.
func (w *Wheel[T]) Set(t *T, tick uint32) {
	n := w.node(t)
	if int32(tick-w.now) <= 0 {
		tick = w.now + 1
	}
	if n.slot != 0 {
		w.unlink(n)
	} else {
		w.len++
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

// Advance moves to tick now and calls fire once for each owner whose deadline that reaches, in no particular order; the
// deadline is cleared before the call. fire may Set and Clear any owner: one that is cleared or set anew before its turn
// does not fire, and what is set to now or before fires in the next Advance that moves on. fire must not
// call Advance. A now that is not after the last one moves nothing.
//
// The cost is that of the slots passed, of which there are at most 324 however far the jump, and of the entries that fire
// or move down a level, at most five times in their life.
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

// move sets the time, and sorts what is in the slots that it passed or reached into those it belongs to now.
func (w *Wheel[T]) move(now uint32) {
	was := w.now
	w.now = now
	for level := range levels {
		passed := w.passed(level, was, now) & w.occupied[level]
		for passed != 0 {
			digit := bits.TrailingZeros64(passed)
			passed &= passed - 1
			w.sort(level*digits + digit)
		}
	}
}

// passed returns a bit for each slot of level that lies after tick was and not after tick now.
func (w *Wheel[T]) passed(level int, was, now uint32) uint64 {
	shift := level * digitBits
	// Shifting there and back takes the difference modulo what there is above shift: ticks wrap.
	n := (now>>shift - was>>shift) << shift >> shift
	if n >= digits {
		return 1<<digits - 1
	}
	first := int(was>>shift + 1)
	if level < levels-1 {
		return bits.RotateLeft64(1<<n-1, first)
	}
	run := uint64(1<<n-1) << (first % topDigits)
	return run | run>>topDigits
}

// sort empties a slot into those that its entries belong to now.
func (w *Wheel[T]) sort(slot int) {
	for w.slots[slot] != nil {
		t := w.slots[slot]
		n := w.node(t)
		w.unlink(n)
		if int32(n.when-w.now) <= 0 {
			w.link(t, n, due)
			continue
		}
		w.link(t, n, w.slotOf(n.when))
	}
}

// Next returns the tick at which the next Advance is worth while, and false when no deadline is set. It is never after the earliest
// deadline and before it only if that one is 64 ticks or more away from the tick before Next's: then Advance
// moves entries down a level, and Next knows better. The cost is a few instructions.
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

// slotOf returns the slot for a deadline at tick, which is after now.
func (w *Wheel[T]) slotOf(tick uint32) int {
	level := (bits.Len32(tick^w.now) - 1) / digitBits
	return level*digits + int(tick>>(level*digitBits)%digits)
}

// link puts t, whose node is n, into a slot.
func (w *Wheel[T]) link(t *T, n *Node[T], slot int) {
	head := w.slots[slot]
	n.next, n.prev, n.slot = head, nil, uint16(slot+1)
	if head != nil {
		w.node(head).prev = t
	} else if slot != due {
		w.occupied[slot/digits] |= 1 << (slot % digits)
	}
	w.slots[slot] = t
}

// unlink takes n out of its slot.
func (w *Wheel[T]) unlink(n *Node[T]) {
	slot := int(n.slot) - 1
	if n.next != nil {
		w.node(n.next).prev = n.prev
	}
	if n.prev != nil {
		w.node(n.prev).next = n.next
	} else {
		w.slots[slot] = n.next
	}
	if w.slots[slot] == nil && slot != due {
		w.occupied[slot/digits] &^= 1 << (slot % digits)
	}
	n.next, n.prev, n.slot = nil, nil, 0
}
