package poller

import "sync"

// streamSet is the streams of a Poller and their goroutines.
type streamSet struct {
	buffers sync.Pool // *[streamWriteBytes]byte, for what streams have accepted

	mu     sync.Mutex // guards the following
	cond   sync.Cond  // goroutines is 0
	all    map[*stream]struct{}
	active int // goroutines
}

// add takes s in, with its reader.
func (t *streamSet) add(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[*stream]struct{})
		t.cond.L = &t.mu
	}
	t.all[s] = struct{}{}
	t.active++
}

// remove forgets s; its goroutines still count.
func (t *streamSet) remove(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, s)
}

// begin counts one more goroutine, of a stream that was added.
func (t *streamSet) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active++
}

// done counts one less.
func (t *streamSet) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	if t.active == 0 {
		t.cond.Broadcast()
	}
}

// of appends the connections of l that are not closed.
func (t *streamSet) of(l *Loop, conns []*Conn) []*Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.all {
		if s.c.loop == l && !s.c.Closed() {
			conns = append(conns, s.c)
		}
	}
	return conns
}

// wait cuts the streams that nobody has closed and waits for the goroutines of all.
func (t *streamSet) wait() {
	t.mu.Lock()
	var open []*stream
	for s := range t.all {
		if !s.c.Closed() {
			open = append(open, s)
		}
	}
	t.mu.Unlock()
	for _, s := range open {
		s.cut()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.active > 0 {
		t.cond.Wait()
	}
}

func (t *streamSet) getBuffer() []byte {
	if b, ok := t.buffers.Get().(*[streamWriteBytes]byte); ok {
		return b[:0]
	}
	return make([]byte, 0, streamWriteBytes)
}

func (t *streamSet) putBuffer(b []byte) {
	if cap(b) == streamWriteBytes {
		t.buffers.Put((*[streamWriteBytes]byte)(b[:streamWriteBytes]))
	}
}
