package sendq

// lane is a FIFO of frames: fs[head:] wait, without those that are gone. A
// frame's place in it is first + its index in fs: it stays while the frame
// waits, until compact.
type lane struct {
	fs    []frame
	head  int
	gaps  int // frames of fs[head:] that are gone; fs[head] is never one
	first uint64
}

func (l *lane) len() int { return len(l.fs) - l.head - l.gaps }

// front is the first frame that waits.
func (l *lane) front() *frame { return &l.fs[l.head] }

// at returns the frame at a place, nil if it does not wait any more.
func (l *lane) at(place uint64) *frame {
	if place < l.first+uint64(l.head) || place >= l.end() || l.fs[place-l.first].gone {
		return nil
	}
	return &l.fs[place-l.first]
}

// after is the index behind i; what is before the head is skipped.
func (l *lane) after(i int) int { return max(i+1, l.head) }

// end is the place of the next frame.
func (l *lane) end() uint64 { return l.first + uint64(len(l.fs)) }

// extend adds an empty frame and returns it, to be filled at once.
func (l *lane) extend() *frame {
	if l.head > 0 && len(l.fs) == cap(l.fs) && l.head >= len(l.fs)/2 {
		// Reuse the room of what has gone, at an amortised O(1).
		n := copy(l.fs, l.fs[l.head:])
		clear(l.fs[n:])
		l.first += uint64(l.head)
		l.fs, l.head = l.fs[:n], 0
	}
	if n := len(l.fs); n < cap(l.fs) {
		l.fs = l.fs[:n+1] // what has left was cleared
	} else {
		l.fs = append(l.fs, frame{})
	}
	return &l.fs[len(l.fs)-1]
}

// clear takes all frames off, which hold nothing.
func (l *lane) clear() {
	clear(l.fs[l.head:])
	l.first = l.end()
	l.fs, l.head, l.gaps = l.fs[:0], 0, 0
}

// pop takes the front off, which was finished, and the gaps behind it.
func (l *lane) pop() {
	l.head++
	for l.gaps > 0 && l.fs[l.head].gone {
		l.fs[l.head].gone = false
		l.head++
		l.gaps--
	}
	if l.head == len(l.fs) {
		l.first += uint64(l.head)
		l.fs, l.head = l.fs[:0], 0
	}
}

// remove takes the frame at index i out, whose memory was given back.
func (l *lane) remove(i int) {
	if i == l.head {
		l.pop()
		return
	}
	l.fs[i] = frame{gone: true}
	l.gaps++
}

// compact closes the gaps. It returns the new index of each old one, -1 for
// those that don't wait; places begin anew behind all old ones.
func (l *lane) compact() (moved []int32) {
	moved = make([]int32, len(l.fs))
	n := 0
	for i := range l.fs {
		moved[i] = -1
		if i < l.head || l.fs[i].gone {
			continue
		}
		moved[i] = int32(n)
		l.fs[n] = l.fs[i]
		n++
	}
	clear(l.fs[n:])
	l.first = l.end()
	l.fs, l.head, l.gaps = l.fs[:n], 0, 0
	return moved
}

func (l *lane) shrink() {
	if cap(l.fs) > keepFrames {
		l.fs = nil
	}
}
