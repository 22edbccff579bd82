package sendq

// run is small frames that lie one behind the other in the tail and of which
// nothing but their sizes is noted: most replies leave with the turn that they
// come from, and nobody ever looks at one alone. Whoever does has list make
// frames of them.
type run struct {
	sizes []uint16
	class Class // of all of them
	age   uint32
}

// Append adds a frame of n bytes, on terms without a Done, and returns the room
// for it, to be filled at once. It returns nil, and adds nothing, unless all that
// waits came by Append, on the same terms, and is little: then use Reserve and Commit.
func (q *Queue) Append(n int, class Class, age uint32) []byte {
	c := q.tail
	if c == nil || len(q.data.fs)+len(q.control.fs) > 0 || q.clock.held || q.bytes+n > freeBytes {
		return nil
	}
	at := len(c.buf.B)
	if at != q.bytes || cap(c.buf.B)-at < n {
		return nil
	}
	if len(q.run.sizes) > 0 && (class != q.run.class || age != q.run.age) {
		return nil
	}
	q.run.sizes = append(q.run.sizes, uint16(n))
	q.run.class, q.run.age = class, age
	q.bytes += n
	c.buf.B = c.buf.B[:at+n]
	return c.buf.B[at:]
}

// list makes frames of the run.
func (q *Queue) list() {
	if len(q.run.sizes) > 0 {
		q.listRun()
	}
}

func (q *Queue) listRun() {
	c, at := q.tail, 0
	for _, n := range q.run.sizes {
		f := q.data.extend()
		f.b, f.chunk, f.class, f.age = c.buf.B[at:at+int(n)], c, q.run.class, q.run.age
		c.refs++
		at += int(n)
	}
	q.run.sizes = q.run.sizes[:0]
}
