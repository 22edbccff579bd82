// Package sendq holds the frames of one connection that its socket has not
// taken yet. A Queue knows frames and bytes, not sockets: its owner adds
// frames, asks for the bytes to write next, and says how many were written.
//
// A Queue is not safe for concurrent use: the lock of its connection guards
// it. A connection with nothing to send needs no Queue.
package sendq

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/pool"
)

var errReplaced = errors.New("sendq: a newer pong went in its place")

// Class says what may happen to a frame while it waits.
type Class uint8

// Data to Latest are whole messages, which keep their place. Control frames
// are never dropped.
const (
	// Data is never thrown out.
	Data Class = iota
	// Lapsing is thrown out when it has waited for longer than its Age.
	Lapsing
	// Oldest is Lapsing, and may be thrown out to make room.
	Oldest
	// Latest is Lapsing, and is replaced by the next of its key.
	Latest
	// Fragment keeps its place and is never dropped. The closing frame is one
	// too: it goes behind everything that was sent before it.
	Fragment
	// Control overtakes data frames that have not begun.
	Control
	// Pong is a Control of which only the newest waits: RFC 6455, 5.5.3.
	Pong
)

// whole reports whether the frame is a message that no other depends on.
func (c Class) whole() bool { return c < Fragment }

// Terms are what is agreed of one frame.
type Terms struct {
	Class Class
	// Age is how many ticks it may wait for its first byte to be written; 0 is
	// any time.
	Age uint32
	// Done is told once that the frame is written or given up; it may be nil.
	// The Queue never calls it itself: see Finished.
	Done func(error)
}

// frame is what waits of one frame.
//
// 64 bytes = b 24 + chunk, buf, done 24 + at, age 8 + class and flags 4 +
// padding 4
type frame struct {
	b     []byte       // not written yet
	chunk *chunk       // where b lies, if it was gathered
	buf   *pool.Buffer // a reference of the frame's own, otherwise
	done  func(error)
	at    uint32 // tick from which on it waits; counts while the Queue is held
	age   uint32 // ticks that it may wait; 0: any number
	class Class
	begun bool // some of it is written
	gone  bool // it was dropped: only its place is left
	lone  bool // buf is the Queue's alone
}

// Queue is a FIFO of frames; control frames have a lane of their own and
// overtake data that has not begun. The zero Queue is empty and ready.
type Queue struct {
	data, control lane
	run           run // empty while a frame is in a lane
	bytes         int
	tail          *chunk       // small frames go to its end
	spare         *chunk       // one without a buffer, to be used again
	lone          *pool.Buffer // of the frame between Reserve and Commit, if it is large
	asked         int          // frames whose done is not nil
	finished      []Outcome

	ledger  *atomic.Int64 // what its memory is added to; may be nil
	private int           // bytes of buffers that are this Queue's alone
	charged int           // of its memory, in ledger

	keys   map[Key]uint64 // where the last frame of a key was put
	oldest uint64         // none of class Oldest is before this place
	lost   uint32         // frames that were dropped since it was empty and at rest
	clock  clock
}

// Outcome is what became of a frame whose sender wants to know.
type Outcome struct {
	Done func(error)
	Err  error // nil: written to the socket
}

var queues = sync.Pool{New: func() any { return new(Queue) }}

// New returns an empty Queue whose memory is added to ledger, which may be
// nil, while it is held or large. Give it back with Free.
func New(ledger *atomic.Int64) *Queue {
	q := queues.Get().(*Queue)
	q.ledger = ledger
	return q
}

// Free gives an empty Queue and its memory back. It panics if frames wait.
func (q *Queue) Free() {
	if q.Len() != 0 || len(q.finished) != 0 {
		panic("sendq: Free of a Queue in use")
	}
	q.dropTail()
	q.data.shrink()
	q.control.shrink()
	if cap(q.run.sizes) > keepFrames {
		q.run.sizes = nil
	}
	q.Rest(nil)
	queues.Put(q)
}

// Rest ends a Hold, and has the memory from now on added to ledger. The Queue
// must be empty.
func (q *Queue) Rest(ledger *atomic.Int64) {
	q.clock, q.lost = clock{}, 0
	if len(q.keys) > keepKeys {
		q.keys = nil
	}
	clear(q.keys)
	if q.charged != 0 {
		q.ledger.Add(-int64(q.charged))
		q.charged = 0
	}
	q.ledger = ledger
}

// Len is the number of frames that wait.
func (q *Queue) Len() int { return q.data.len() + q.control.len() + len(q.run.sizes) }

// Bytes is the number of bytes that wait, framing included.
func (q *Queue) Bytes() int { return q.bytes }

// Dropped is the number of messages that were dropped. It wraps.
func (q *Queue) Dropped() uint32 { return q.lost }

// Controls is the number of control frames that wait.
func (q *Queue) Controls() int { return q.control.len() }

// Commit adds the frame b, which was filled in the room of the last Reserve.
func (q *Queue) Commit(b []byte, t Terms) {
	if q.lone == nil && t.Class < Control && t.Done == nil && !q.clock.held {
		f := q.data.extend() // a reply that is to leave with its turn
		f.b, f.chunk, f.class, f.age = q.tail.take(len(b)), q.tail, t.Class, t.Age
		q.grew(len(b))
		return
	}
	f := frame{b: b, class: t.Class, age: t.Age, done: t.Done}
	if q.lone != nil {
		f.buf, f.lone, q.lone = q.lone, true, nil
		q.private += cap(f.buf.B)
	} else {
		f.chunk = q.tail
		f.b = f.chunk.take(len(b))
	}
	q.add(&f)
}

// CommitBegun is Commit for the rest of a frame whose beginning is written. The
// Queue must be empty.
func (q *Queue) CommitBegun(b []byte, done func(error)) {
	q.mustBeEmpty()
	q.Commit(b, Terms{Class: Fragment, Done: done})
	q.data.front().begun = true
}

// Share adds the frame b, which lies in buf, without copying it. The Queue
// takes over one reference of buf, which may be nil.
func (q *Queue) Share(buf *pool.Buffer, b []byte, t Terms) {
	f := frame{b: b, buf: buf, class: t.Class, age: t.Age, done: t.Done}
	q.add(&f)
}

// ShareBegun is Share for the rest of a frame whose beginning is written. The
// Queue must be empty.
func (q *Queue) ShareBegun(buf *pool.Buffer, b []byte) {
	q.mustBeEmpty()
	q.Share(buf, b, Terms{Class: Fragment})
	q.data.front().begun = true
}

func (q *Queue) mustBeEmpty() {
	if q.Len() != 0 {
		panic("sendq: the rest of a frame behind other frames")
	}
}

// Finish adds the outcome of a frame that never had to wait.
func (q *Queue) Finish(done func(error), err error) {
	q.finished = append(q.finished, Outcome{done, err})
}

func (q *Queue) add(f *frame) {
	q.list()
	if q.clock.held {
		q.clock.begin(f)
	}
	if f.done != nil {
		q.asked++
	}
	switch {
	case f.class < Control:
		*q.data.extend() = *f
	case f.class == Pong && q.replacePong(f):
	default:
		*q.control.extend() = *f
	}
	q.grew(len(f.b))
}

// grew counts n bytes more.
func (q *Queue) grew(n int) {
	q.bytes += n
	if q.clock.held || q.bytes > freeBytes {
		q.charge()
	}
}

// replacePong puts f in the place of a Pong that has not begun.
func (q *Queue) replacePong(f *frame) bool {
	for i := q.control.head; i < len(q.control.fs); i++ {
		old := &q.control.fs[i]
		if old.class != Pong || old.begun {
			continue
		}
		q.bytes -= len(old.b)
		q.finish(old, errReplaced)
		*old = *f
		return true
	}
	return false
}

// Next appends to dst the slices to write next, in order, at most limit bytes
// or cap(dst) slices; neighbours in memory are one slice. They are valid until
// the Queue is next changed.
func (q *Queue) Next(dst [][]byte, limit int) [][]byte {
	q.list()
	data := q.data.fs[q.data.head:]
	if q.control.len() > 0 && len(data) > 0 && data[0].begun {
		dst = gather(dst, data[:1], &limit)
		data = data[1:]
	}
	dst = gather(dst, q.control.fs[q.control.head:], &limit)
	return gather(dst, data, &limit)
}

func gather(dst [][]byte, fs []frame, limit *int) [][]byte {
	for i := range fs {
		if fs[i].gone {
			continue
		}
		b := fs[i].b
		if len(b) > *limit {
			b = b[:*limit]
		}
		if len(b) == 0 {
			return dst
		}
		if !extend(dst, b, fs, i) {
			if len(dst) == cap(dst) {
				*limit = 0
				return dst
			}
			dst = append(dst, b)
		}
		*limit -= len(b)
	}
	return dst
}

// extend lengthens the last slice of dst by b if b follows it in memory.
func extend(dst [][]byte, b []byte, fs []frame, i int) bool {
	if i == 0 || len(dst) == 0 || fs[i].chunk == nil || fs[i].chunk != fs[i-1].chunk {
		return false
	}
	last := dst[len(dst)-1]
	if cap(last) < len(last)+len(b) {
		return false
	}
	longer := last[:len(last)+len(b)]
	if &longer[len(last)] != &b[0] {
		return false
	}
	dst[len(dst)-1] = longer
	return true
}

// Lead returns what is to be written next as far as it lies together in memory,
// at most limit bytes; mostly that is all that waits. It is valid until the
// Queue is next changed.
func (q *Queue) Lead(limit int) []byte {
	if q.together() && q.bytes <= limit {
		return q.tail.buf.B
	}
	var one [1][]byte
	if dst := q.Next(one[:0], limit); len(dst) > 0 {
		return dst[0]
	}
	return nil
}

// Wrote says that the first n bytes of what Next returned are written. It
// returns how many frames that completes.
func (q *Queue) Wrote(n int) (frames int) {
	if n == q.bytes && q.asked == 0 && q.together() {
		return q.wroteAll()
	}
	q.list()
	q.bytes -= n
	for n > 0 {
		l := q.first()
		f := l.front()
		if n < len(f.b) {
			f.b, f.begun = f.b[n:], true
			break
		}
		n -= len(f.b)
		q.finish(f, nil)
		l.pop()
		frames++
	}
	if q.bytes == 0 && q.tail != nil && q.tail.refs == 1 {
		q.tail.buf.B = q.tail.buf.B[:0]
	}
	if q.charged != 0 {
		q.charge()
	}
	return frames
}

// together reports whether all that waits, control frames not among it, is all
// that lies in the tail: mostly it is.
func (q *Queue) together() bool {
	return q.tail != nil && q.tail.refs-1 == q.data.len() && q.bytes == len(q.tail.buf.B) && q.control.len() == 0
}

// wroteAll is Wrote of everything, while together and nobody asked.
func (q *Queue) wroteAll() (frames int) {
	frames = q.data.len() + len(q.run.sizes)
	if len(q.data.fs) > 0 {
		q.data.clear()
	}
	q.run.sizes = q.run.sizes[:0]
	q.bytes, q.tail.refs, q.tail.buf.B = 0, 1, q.tail.buf.B[:0]
	if q.charged != 0 {
		q.charge()
	}
	return frames
}

// first is the lane whose front is to be written first.
func (q *Queue) first() *lane {
	if q.control.len() == 0 || q.data.len() > 0 && q.data.front().begun {
		return &q.data
	}
	return &q.control
}

// finish gives the memory of f back and keeps its done for Finished.
func (q *Queue) finish(f *frame, err error) {
	switch {
	case f.chunk != nil:
		q.release(f.chunk)
	case f.buf != nil:
		if f.lone {
			q.private -= cap(f.buf.B)
		}
		f.buf.Release()
	}
	if f.done != nil {
		q.asked--
		q.finished = append(q.finished, Outcome{f.done, err})
	}
	*f = frame{}
}

// Finished returns what became of the frames that left the Queue since the
// last call, in order, of those whose Done is not nil. The caller calls Done
// without the lock.
func (q *Queue) Finished() []Outcome {
	f := q.finished
	q.finished = nil
	return f
}

// Clear gives up every frame that waits; why is told to the senders.
func (q *Queue) Clear(why error) {
	q.list()
	for _, l := range []*lane{&q.data, &q.control} {
		for l.len() > 0 {
			q.finish(l.front(), why)
			l.pop()
		}
	}
	q.bytes = 0
	if q.charged != 0 {
		q.charge()
	}
}
