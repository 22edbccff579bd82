package sendq

import "errors"

var errConflated = errors.New("sendq: a newer message of its key went in its place")

// Reason is why a message was dropped.
type Reason uint8

const (
	Evicted   Reason = iota // to make room
	Conflated               // a newer one of its key is in its place
	Expired                 // it waited for longer than its Age
	Cleared                 // its connection is given up
	Reasons   = iota
)

// Witness is shown what is dropped.
type Witness interface {
	// Dropped gets the encoded frame, which is valid until it returns. It must
	// not change the Queue.
	Dropped(why Reason, frame []byte)
}

// drop takes the data frame at index i out.
func (q *Queue) drop(i int, why error) {
	f := &q.data.fs[i]
	q.bytes -= len(f.b)
	q.lost++
	q.finish(f, why)
	q.data.remove(i)
}

// tidy is called when frames were dropped.
func (q *Queue) tidy() {
	l := &q.data
	if l.gaps >= minGaps && l.gaps > l.len() {
		before := l.first
		q.rekey(before, l.compact())
		q.oldest = l.first
	}
	if q.charged != 0 {
		q.charge()
	}
}

// Evict drops the oldest message of class Oldest of which nothing is written,
// and shows it to w; why is told to its sender. It returns the length of its
// frame, 0 if there is none.
func (q *Queue) Evict(why error, w Witness) (size int) {
	q.list()
	l := &q.data
	i := l.head
	if at := l.first + uint64(i); q.oldest > at {
		i += int(q.oldest - at)
	}
	for ; i < len(l.fs); i++ {
		f := &l.fs[i]
		if f.gone || f.begun || f.class != Oldest {
			continue
		}
		size = len(f.b)
		q.oldest = l.first + uint64(i) + 1
		w.Dropped(Evicted, f.b)
		q.drop(i, why)
		q.tidy()
		return size
	}
	q.oldest = l.end()
	return 0
}

// Abandon drops every data frame of which nothing is written, of any class,
// and shows whole messages to w; why is told to their senders.
func (q *Queue) Abandon(why error, w Witness) {
	q.list()
	l := &q.data
	for i := l.head; i < len(l.fs); i = l.after(i) {
		f := &l.fs[i]
		if f.gone || f.begun {
			continue
		}
		if f.class.whole() {
			w.Dropped(Cleared, f.b)
		}
		q.drop(i, why)
	}
	q.tidy()
}
