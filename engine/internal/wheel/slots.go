package wheel

import "math/bits"

// A tick is six digits in base 64, the highest of which has two bits only. A deadline is kept in
// the level of the highest digit in which it differs from now, in the slot which that digit names.
// When now reaches a slot of an upper level, what is in it moves down: an entry moves at most once
// per level.
const (
	digitBits = 6
	digits    = 1 << digitBits
	levels    = 6
	topDigits = 1 << (32 - digitBits*(levels-1))

	// due is the slot of what has come due and was not fired yet; one after the last of the levels.
	due   = (levels-1)*digits + topDigits
	slots = due + 1
)

// move sets the time, and sorts what is in the slots that it passed or reached into those it
// belongs to now.
func (w *Wheel[T]) move(now uint32) {
	was := w.now
	w.now = now
	for level := range levels {
		passed := passedSlots(level, was, now) & w.occupied[level]
		for passed != 0 {
			digit := bits.TrailingZeros64(passed)
			passed &= passed - 1
			w.sort(level*digits + digit)
		}
	}
}

// passedSlots returns a bit for each slot of level that lies after tick was and not after tick now.
func passedSlots(level int, was, now uint32) uint64 {
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
