package poller

import (
	"errors"
	"net"
	"sync"
	"time"
)

// ErrUnwritten is Detach's answer while bytes that a stream has accepted are still being written.
var ErrUnwritten = errors.New("poller: accepted bytes are not written yet")

// stream serves a net.Conn without a descriptor of its own. A reader goroutine hands each read to
// the loop and waits until it was handled; a writer goroutine lives while there is something to
// write. An idle stream is one goroutine and its read buffer.
type stream struct {
	c   *Conn
	nc  net.Conn
	set *streamSet

	// Owned by the reader; lent to the loop from arrive until the answer on handled.
	buf  []byte
	data []byte // read and not yet given to the Handler
	err  error  // of that read: the reader has ended

	arrived bool // owned by the loop: data and err are lent to it

	handled chan struct{} // the loop's answer to arrive: read on
	stop    chan struct{} // closed: no answer will come
	readEnd chan struct{} // closed: the reader has ended
	cutOnce sync.Once

	mu       sync.Mutex // guards the following
	parked   bool       // the reader is not in nc.Read
	leaving  bool       // the reader ends when it is parked
	stopped  bool       // stop is closed
	pending  []byte     // accepted, not yet with the writer
	inFlight int        // with the writer
	writing  bool       // the writer goroutine lives
	shutting bool       // CloseWrite was called
	shut     bool       // and passed on
	closing  bool       // Close was called
	writeErr error
	linger   *time.Timer // cuts a stream that is slow to close
}

// attachStream makes nc a stream of l.
func (l *Loop) attachStream(nc net.Conn, early []byte, c *Conn) error {
	c.flags.Or(connHeld)
	s := &stream{
		c:       c,
		nc:      nc,
		set:     &l.p.streams,
		buf:     make([]byte, streamReadBytes),
		handled: make(chan struct{}, 1),
		stop:    make(chan struct{}),
		readEnd: make(chan struct{}),
	}

	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		_ = nc.Close() // the error that matters is the poller's
		return net.ErrClosed
	}
	c.stream = s
	s.set.add(s)
	l.gate.RUnlock()
	l.Do(func() { c.start(early) }) // refused: the ending loop finds c and ends it
	go s.read()                     // ends with nc, with Close or Detach; Poller.Close waits
	return nil
}

// read is the reader goroutine.
func (s *stream) read() {
	defer s.set.done()
	defer close(s.readEnd)
	arrive := s.arrive
	for {
		n, err := s.nc.Read(s.buf)
		if n == 0 && err == nil {
			continue
		}
		s.data, s.err = s.buf[:n], err
		if !s.park() || !s.c.loop.Do(arrive) || err != nil {
			return
		}
		select {
		case <-s.handled:
		case <-s.stop:
			return
		}
		if !s.unpark() {
			return
		}
	}
}

// park marks the reader as out of nc.Read. False: it is to end instead.
func (s *stream) park() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = true
	return !s.leaving
}

// unpark undoes park. False: the reader is to end instead.
func (s *stream) unpark() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = s.leaving
	return !s.leaving
}

// arrive is the reader's task on the loop: there is data, an error, or both.
func (s *stream) arrive() {
	s.arrived = true
	s.deliver()
}

// deliver is one turn: it gives the Handler what is there, and then lets the reader go on.
func (s *stream) deliver() {
	c := s.c
	got := false
	for c.flags.Load()&connDeaf == 0 {
		if c.flags.Load()&connEarly != 0 {
			got = true
			c.giveEarly()
			continue
		}
		if !s.arrived || len(s.data) == 0 {
			break
		}
		got = true
		var part []byte
		part, s.data = c.portion(s.data)
		c.handler.Data(part)
	}
	if got && !c.Closed() {
		c.handler.Turned()
	}
	if !s.arrived || len(s.data) > 0 || c.flags.Load()&connDeaf != 0 {
		return
	}
	s.arrived = false
	if s.err != nil {
		c.end(s.err)
		return
	}
	s.handled <- struct{}{}
}

// halt keeps the reader from waiting for an answer.
func (s *stream) halt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
	}
}

// close has the writer write what was accepted and then close nc: that may block, the loop may not.
func (s *stream) close() error {
	s.c.loop.takeEarly(s.c)
	s.halt()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	if s.unwritten() > 0 || s.writing {
		s.linger = time.AfterFunc(streamLinger, s.cut)
	}
	s.startWriter()
	return nil
}

// cut closes nc whatever is still to be written.
func (s *stream) cut() {
	s.cutOnce.Do(func() {
		s.halt()
		s.mu.Lock()
		if s.linger != nil {
			s.linger.Stop()
		}
		s.mu.Unlock()
		_ = s.nc.Close() // nobody is left to be told
		s.set.remove(s)
	})
}

// detach stops the reader and gives nc away, with the bytes that the Handler has not had.
func (s *stream) detach() (net.Conn, error) {
	s.mu.Lock()
	if s.writing {
		s.c.flags.Or(connShort)
		s.mu.Unlock()
		return nil, ErrUnwritten
	}
	s.leaving = true
	parked := s.parked
	s.mu.Unlock()
	if !parked {
		if err := s.interrupt(); err != nil {
			return nil, err
		}
	}
	s.halt()
	<-s.readEnd
	s.c.flags.Or(connClosed)
	s.set.remove(s)
	first := s.c.loop.takeEarly(s.c)
	return withPrefix(s.nc, append(first, s.data...)), nil
}

// longAgo is a deadline that ends a Read at once.
var longAgo = time.Unix(1, 0)

// interrupt ends the reader's Read in progress, and with it the reader. On error it goes on.
func (s *stream) interrupt() error {
	err := s.nc.SetReadDeadline(longAgo)
	if err == nil {
		<-s.readEnd
		_ = s.nc.SetReadDeadline(time.Time{}) // a broken nc says so to its next reader
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = false
	if s.parked {
		return nil
	}
	return err
}
