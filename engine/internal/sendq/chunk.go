package sendq

import "github.com/weirws/weir/pool"

// chunk is a buffer that gathers small frames. Its count needs no atomics: it
// never leaves its Queue.
type chunk struct {
	buf  *pool.Buffer
	refs int // frames that lie in it, and one while it is the tail
}

// take makes the n bytes behind what lies in c a frame's. Its capacity reaches
// beyond, so that it can be seen which frame lies next to it.
func (c *chunk) take(n int) []byte {
	at := len(c.buf.B)
	c.buf.B = c.buf.B[:at+n]
	c.refs++
	return c.buf.B[at:]
}

// Reserve returns room for a frame of n bytes: a slice of length 0 and
// capacity n. Fill it with append and hand it to Commit before anything else
// is done with the Queue.
func (q *Queue) Reserve(n int) []byte {
	q.list()
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
	q.private += cap(c.buf.B)
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
		q.private -= cap(c.buf.B)
		c.buf.Release()
		c.buf = nil
		q.spare = c
	}
}

// Trim moves what waits out of a buffer much larger than it, so that a stalled
// reader holds little more than its backlog.
func (q *Queue) Trim() {
	q.list()
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
		_ = append(q.Reserve(n), f.b...) // lies where take finds it
		q.release(f.chunk)
		f.b, f.chunk = q.tail.take(n), q.tail
	}
}
