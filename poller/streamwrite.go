package poller

import (
	"errors"
	"io"
	"net"
)

// closeWriter is a net.Conn that can end one direction: TCP, unix, TLS.
type closeWriter interface{ CloseWrite() error }

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accept(b)
}

func (s *stream) writeBuffers(bufs [][]byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bufs {
		m, err := s.accept(b)
		n += m
		if err != nil || m < len(b) {
			return n, err
		}
	}
	return n, nil
}

// accept takes what there is room for.
func (s *stream) accept(b []byte) (n int, err error) {
	if s.closing || s.leaving {
		return 0, net.ErrClosed
	}
	if s.writeErr != nil {
		return 0, s.writeErr
	}
	if s.shutting {
		return 0, io.ErrClosedPipe
	}
	n = min(len(b), streamWriteBytes-s.unwritten())
	if n < len(b) {
		s.c.flags.Or(connShort)
	}
	if n == 0 {
		return 0, nil
	}
	if s.pending == nil {
		s.pending = s.set.getBuffer()
	}
	s.pending = append(s.pending, b[:n]...)
	s.startWriter()
	return n, nil
}

func (s *stream) unwritten() int { return len(s.pending) + s.inFlight }

func (s *stream) closeWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.leaving {
		return net.ErrClosed
	}
	if _, ok := s.nc.(closeWriter); !ok {
		return errors.ErrUnsupported
	}
	s.shutting = true
	s.startWriter()
	return nil
}

// startWriter starts the writer goroutine unless it lives.
func (s *stream) startWriter() {
	if !s.writing {
		s.writing = true
		s.set.begin()
		go s.writeOut() // ends when all is written, or with nc; Poller.Close waits
	}
}

// writeOut is the writer goroutine: it writes what there is, then does what CloseWrite and Close
// have left to it.
func (s *stream) writeOut() {
	defer s.set.done()
	for {
		s.mu.Lock()
		out := s.pending
		shut := len(out) == 0 && s.shutting && !s.shut && !s.closing && s.writeErr == nil
		if len(out) == 0 && !shut {
			s.writing = false
			s.callDrain()
			closing := s.closing
			s.mu.Unlock()
			if closing {
				s.cut()
			}
			return
		}
		s.pending, s.inFlight = nil, len(out)
		s.shut = s.shut || shut
		s.mu.Unlock()
		if shut {
			s.written(s.nc.(closeWriter).CloseWrite())
			continue
		}
		_, err := s.nc.Write(out)
		s.set.putBuffer(out)
		s.written(err)
	}
}

// written notes the end of one write.
func (s *stream) written(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight = 0
	if err != nil {
		s.writeErr = err
		s.set.putBuffer(s.pending)
		s.pending = nil
	}
	s.callDrain()
}

// callDrain has the loop call Drain if that is owed. mu is held.
func (s *stream) callDrain() {
	if s.c.flags.Load()&connShort != 0 && !s.closing {
		s.c.loop.Do(s.drain) // refused: the loop has ended, and with it all calls
	}
}

// drain is the writer's task on the loop.
func (s *stream) drain() {
	if s.c.flags.And(^uint32(connShort))&(connShort|connClosed) == connShort {
		s.c.handler.Drain()
	}
}
