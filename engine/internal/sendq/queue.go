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

	"github.com/weirws/weir/pool"
)

const (
	// firstChunkBytes and chunkBytes bound the buffer that gathers small
	// frames: a Queue starts with the one and goes on with the other.
	firstChunkBytes = 2 << 10
	chunkBytes      = 64 << 10
	// smallBytes bounds a frame that is gathered; a larger one gets a buffer
	// of its own size.
	smallBytes = 8 << 10
	// keepFrames bounds the table of frames that an empty Queue keeps.
	keepFrames = 256
)

var errReplaced = errors.New("sendq: a newer pong went in its place")

// Class says what may happen to a frame while it waits.
type Class uint8

const (
	// Data is a whole message: it keeps its place and may be dropped while
	// none of it is written.
	Data Class = iota
	// Fragment keeps its place and is never dropped. The closing frame is one
	// too: it goes behind everything that was sent before it.
	Fragment
	// Control overtakes data frames that have not begun, and is never dropped.
	Control
	// Pong is a Control of which only the newest waits: RFC 6455, 5.5.3.
	Pong
)

// frame is what waits of one frame.
type frame struct {
	b     []byte       // not written yet
	chunk *chunk       // where b lies, if it was gathered
	buf   *pool.Buffer // a reference of the frame's own, otherwise
	done  func(error)  // told once that the frame is written or given up; may be nil
	class Class
	begun bool // some of it is written
}

// chunk is a buffer that gathers small frames. Its count needs no atomics: it
// never leaves its Queue.
type chunk struct {
	buf  *pool.Buffer
	refs int // frames that lie in it, and one while it is the tail
}

// Queue is a FIFO of frames; control frames have a lane of their own and
// overtake data that has not begun. The zero Queue is empty and ready.
type Queue struct {
	data, control lane
	bytes         int
	tail          *chunk       // small frames go to its end
	spare         *chunk       // one without a buffer, to be used again
	lone          *pool.Buffer // of the frame between Reserve and Commit, if it is large
	finished      []Outcome
}

// Outcome is what became of a frame whose sender wants to know.
type Outcome struct {
	Done func(error)
	Err  error // nil: written to the socket
}

// lane is a FIFO of frames: fs[head:] wait.
type lane struct {
	fs   []frame
	head int
}

func (l *lane) len() int { return len(l.fs) - l.head }

func (l *lane) push(f frame) {
	if l.head > 0 && len(l.fs) == cap(l.fs) {
		// Reuse the room of what has gone, at an amortised O(1).
		if l.head >= len(l.fs)/2 {
			n := copy(l.fs, l.fs[l.head:])
			clear(l.fs[n:])
			l.fs, l.head = l.fs[:n], 0
		}
	}
	l.fs = append(l.fs, f)
}

func (l *lane) pop() {
	l.fs[l.head] = frame{}
	l.head++
	if l.head == len(l.fs) {
		l.fs, l.head = l.fs[:0], 0
	}
}

var queues = sync.Pool{New: func() any { return new(Queue) }}

// New returns an empty Queue. Give it back with Free.
func New() *Queue { return queues.Get().(*Queue) }

// Free gives an empty Queue and its memory back. It panics if frames wait.
func (q *Queue) Free() {
	if q.Len() != 0 || len(q.finished) != 0 {
		panic("sendq: Free of a Queue in use")
	}
	q.dropTail()
	q.data.shrink()
	q.control.shrink()
	queues.Put(q)
}

func (l *lane) shrink() {
	if cap(l.fs) > keepFrames {
		l.fs = nil
	}
}

// Len is the number of frames that wait.
func (q *Queue) Len() int { return q.data.len() + q.control.len() }

// Bytes is the number of bytes that wait, framing included.
func (q *Queue) Bytes() int { return q.bytes }

// Reserve returns room for a frame of n bytes: a slice of length 0 and
// capacity n. Fill it with append and hand it to Commit before anything else
// is done with the Queue.
func (q *Queue) Reserve(n int) []byte {
	if n > smallBytes {
		q.lone = pool.Get(n)
		return q.lone.B[:0:n]
	}
	c := q.tail
	if c == nil || cap(c.buf.B)-len(c.buf.B) < n {
		c = q.newTail(n)
	}
	at := len(c.buf.B)
	return c.buf.B[at : at : at+n]
}

// newTail replaces the tail by an emptier one.
func (q *Queue) newTail(n int) *chunk {
	size := firstChunkBytes
	c := q.tail
	if c != nil {
		size = chunkBytes
		if c.refs == 1 && cap(c.buf.B) >= chunkBytes { // nothing lies in it any more
			c.buf.B = c.buf.B[:0]
			return c
		}
	}
	q.setTail(max(size, n))
	return q.tail
}

// setTail makes a new tail of at least size bytes.
func (q *Queue) setTail(size int) {
	q.dropTail()
	c := q.spare
	if q.spare = nil; c == nil {
		c = new(chunk)
	}
	c.buf, c.refs = pool.Get(size), 1
	q.tail = c
}

func (q *Queue) dropTail() {
	if q.tail != nil {
		q.release(q.tail)
		q.tail = nil
	}
}

func (q *Queue) release(c *chunk) {
	if c.refs--; c.refs == 0 {
		c.buf.Release()
		c.buf = nil
		q.spare = c
	}
}

// Commit adds the frame b, which was filled in the room of the last Reserve.
// The Queue calls done, if it is not nil, never itself: see Finished.
func (q *Queue) Commit(b []byte, class Class, done func(error)) {
	f := frame{b: b, class: class, done: done}
	if q.lone != nil {
		f.buf, q.lone = q.lone, nil
	} else {
		f.chunk = q.tail
		f.chunk.refs++
		f.chunk.buf.B = f.chunk.buf.B[:len(f.chunk.buf.B)+len(b)]
	}
	q.add(f)
}

// CommitBegun is Commit for the rest of a frame whose beginning is written. The
// Queue must be empty.
func (q *Queue) CommitBegun(b []byte, done func(error)) {
	if q.Len() != 0 {
		panic("sendq: CommitBegun behind other frames")
	}
	q.Commit(b, Fragment, done)
	q.data.fs[q.data.head].begun = true
}

// Finish adds the outcome of a frame that never had to wait.
func (q *Queue) Finish(done func(error), err error) {
	q.finished = append(q.finished, Outcome{done, err})
}

// Share adds the frame b, which lies in buf, without copying it. The Queue
// takes over one reference of buf.
func (q *Queue) Share(buf *pool.Buffer, b []byte, class Class, done func(error)) {
	q.add(frame{b: b, buf: buf, class: class, done: done})
}

func (q *Queue) add(f frame) {
	q.bytes += len(f.b)
	if f.class < Control {
		q.data.push(f)
		return
	}
	if f.class == Pong && q.replacePong(f) {
		return
	}
	q.control.push(f)
}

// replacePong puts f in the place of a Pong that has not begun.
func (q *Queue) replacePong(f frame) bool {
	for i := q.control.head; i < len(q.control.fs); i++ {
		old := &q.control.fs[i]
		if old.class != Pong || old.begun {
			continue
		}
		q.bytes -= len(old.b)
		q.finish(old, errReplaced)
		*old = f
		return true
	}
	return false
}

// Next appends to dst the slices to write next, in order, at most limit bytes
// or cap(dst) slices; neighbours in memory are one slice. They are valid until
// the Queue is next changed.
func (q *Queue) Next(dst [][]byte, limit int) [][]byte {
	data := q.data.fs[q.data.head:]
	if len(data) > 0 && data[0].begun {
		dst = gather(dst, data[:1], &limit)
		data = data[1:]
	}
	dst = gather(dst, q.control.fs[q.control.head:], &limit)
	return gather(dst, data, &limit)
}

func gather(dst [][]byte, fs []frame, limit *int) [][]byte {
	for i := range fs {
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
	var one [1][]byte
	if dst := q.Next(one[:0], limit); len(dst) > 0 {
		return dst[0]
	}
	return nil
}

// Wrote says that the first n bytes of what Next returned are written. It
// returns how many frames that completes.
func (q *Queue) Wrote(n int) (frames int) {
	q.bytes -= n
	for n > 0 {
		l := q.first()
		f := &l.fs[l.head]
		if n < len(f.b) {
			f.b, f.begun = f.b[n:], true
			return frames
		}
		n -= len(f.b)
		q.finish(f, nil)
		l.pop()
		frames++
	}
	if q.bytes == 0 && q.tail != nil && q.tail.refs == 1 {
		q.tail.buf.B = q.tail.buf.B[:0]
	}
	return frames
}

// Controls is the number of control frames that wait.
func (q *Queue) Controls() int { return q.control.len() }

// first is the lane whose front is to be written first.
func (q *Queue) first() *lane {
	if q.control.len() == 0 || q.data.len() > 0 && q.data.fs[q.data.head].begun {
		return &q.data
	}
	return &q.control
}

// finish gives the memory of f back and keeps its done for Finished.
func (q *Queue) finish(f *frame, err error) {
	if f.chunk != nil {
		q.release(f.chunk)
	} else if f.buf != nil {
		f.buf.Release()
	}
	if f.done != nil {
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

// DropOldest removes the oldest Data frame that has not begun, after showing
// it to saw: the encoded frame, valid until saw returns. Its sender is told
// why. It reports whether there was one.
func (q *Queue) DropOldest(why error, saw func(frame []byte)) bool {
	for i := q.data.head; i < len(q.data.fs); i++ {
		f := &q.data.fs[i]
		if f.class != Data || f.begun {
			continue
		}
		saw(f.b)
		q.bytes -= len(f.b)
		q.finish(f, why)
		q.data.remove(i)
		return true
	}
	return false
}

// remove closes the gap at i from the front: what is dropped is near it.
func (l *lane) remove(i int) {
	copy(l.fs[l.head+1:i+1], l.fs[l.head:i])
	l.pop()
}

// Clear gives up every frame that waits; why is told to the senders.
func (q *Queue) Clear(why error) {
	for _, l := range []*lane{&q.data, &q.control} {
		for l.len() > 0 {
			q.finish(&l.fs[l.head], why)
			l.pop()
		}
	}
	q.bytes = 0
}

// Trim moves what waits out of a buffer much larger than it, so that a stalled
// reader holds little more than its backlog.
func (q *Queue) Trim() {
	c := q.tail
	if c == nil || cap(c.buf.B) <= firstChunkBytes || 4*q.bytes > cap(c.buf.B) {
		return
	}
	q.setTail(max(firstChunkBytes, q.bytes))
	q.trimLane(&q.data, c)
	q.trimLane(&q.control, c)
}

func (q *Queue) trimLane(l *lane, from *chunk) {
	for i := l.head; i < len(l.fs); i++ {
		f := &l.fs[i]
		if f.chunk != from {
			continue
		}
		n := len(f.b)
		room := append(q.Reserve(n), f.b...)
		q.release(f.chunk)
		f.b, f.chunk = room, q.tail
		f.chunk.refs++
		f.chunk.buf.B = f.chunk.buf.B[:len(f.chunk.buf.B)+n]
	}
}
