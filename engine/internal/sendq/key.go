package sendq

import "github.com/weirws/weir/pool"

// Key says which messages take the place of each other.
type Key struct {
	Of   any // who gives the name; what it holds can be compared
	Name string
}

// Waits returns the length of the frame of k that waits and of which nothing is
// written; 0 if there is none.
func (q *Queue) Waits(k Key) int {
	if f := q.waiting(k); f != nil {
		return len(f.b)
	}
	return 0
}

func (q *Queue) waiting(k Key) *frame {
	place, known := q.keys[k]
	if !known {
		return nil
	}
	if f := q.data.at(place); f != nil && !f.begun {
		return f
	}
	return nil
}

// ShareKeyed is Share of a message of key k. If one of that key waits of which
// nothing is written, b goes in its place, and the other is shown to w.
func (q *Queue) ShareKeyed(k Key, buf *pool.Buffer, b []byte, t Terms, w Witness) {
	old := q.waiting(k)
	if old == nil {
		q.Share(buf, b, t)
		q.keep(k, q.data.end()-1)
		if q.charged != 0 {
			q.charge()
		}
		return
	}
	w.Dropped(Conflated, old.b)
	q.lost++
	q.bytes += len(b) - len(old.b)
	q.finish(old, errConflated)
	if t.Done != nil {
		q.asked++
	}
	*old = frame{b: b, buf: buf, class: t.Class, age: t.Age, done: t.Done}
	if q.clock.held {
		q.clock.begin(old)
		q.clock.mixed = true
	}
	if t.Class == Oldest {
		q.oldest = min(q.oldest, q.keys[k])
	}
	if q.charged != 0 {
		q.charge()
	}
}

// keep notes the place of the last message of k.
func (q *Queue) keep(k Key, place uint64) {
	if q.keys == nil {
		q.keys = make(map[Key]uint64)
	}
	q.keys[k] = place
	if len(q.keys) > 2*q.data.len()+keepKeys {
		for k, place := range q.keys {
			if q.data.at(place) == nil {
				delete(q.keys, k)
			}
		}
	}
}

// rekey notes the places that frames got when their lane closed its gaps:
// moved is by the index that was first's once.
func (q *Queue) rekey(first uint64, moved []int32) {
	for k, place := range q.keys {
		if place < first || place-first >= uint64(len(moved)) || moved[place-first] < 0 {
			delete(q.keys, k)
			continue
		}
		q.keys[k] = q.data.first + uint64(moved[place-first])
	}
}
