package pool

// ring is a queue, first in, first out, that doubles when it is full. The zero ring is empty and
// without memory.
type ring[T any] struct {
	room []T // a power of two
	head int // of the first item
	len  int
}

// push appends an item and returns where it is to be put.
func (r *ring[T]) push() *T {
	if r.len == len(r.room) {
		r.grow()
	}
	item := &r.room[(r.head+r.len)&(len(r.room)-1)]
	r.len++
	return item
}

// pop takes the first item of a ring that is not empty, and forgets it.
func (r *ring[T]) pop() T {
	var none T
	item := r.room[r.head]
	r.room[r.head] = none
	r.head = (r.head + 1) & (len(r.room) - 1)
	r.len--
	return item
}

// grow doubles the room.
func (r *ring[T]) grow() {
	room := make([]T, max(firstRingItems, 2*len(r.room)))
	n := copy(room, r.room[r.head:])
	copy(room[n:], r.room[:r.head])
	r.room, r.head = room, 0
}

// shrink lets go of an empty ring's memory if it is large.
func (r *ring[T]) shrink() {
	if len(r.room) > keptRingItems {
		r.room, r.head = nil, 0
	}
}
