package engine

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Stream is a connection as a stream of bytes: ws's createWebSocketStream, and
// coder's NetConn. It is a [net.Conn]: what comes is the bytes of one message
// after the other, of whichever Kind, and each Write is a message. Its methods
// may be called from any goroutine, but Read and Write not by a callback of its
// own connection, which would wait for itself.
//
// Both ways go at the pace of whoever is slower: what is received and not read,
// 64 KiB and one message at most, has the socket not be read, and a Write blocks
// while more than 64 KiB wait for the socket.
type Stream struct {
	c           *Conn
	in          *intake
	kind        Kind
	left        atomic.Bool
	read, write deadline
}

var _ net.Conn = (*Stream)(nil)

// Stream has the messages of c go to the Stream that it returns, in place of
// Handler.Message and Handler.Fragment: in Open, so that none goes there before.
// What is written are Binary messages. A second call returns another Stream of
// the same messages: each byte goes to one of them. It may be called from any
// goroutine and does not block.
func (c *Conn) Stream() *Stream { return c.newStream(Binary) }

func (c *Conn) newStream(k Kind) *Stream {
	c.mu.Lock()
	in := c.takeIn()
	told := c.stops.Load()&stopTold != 0
	end := c.ending()
	c.mu.Unlock()
	if told {
		in.finish(end)
	}
	return &Stream{c: c, in: in, kind: k}
}

// Read reads what has come, and blocks until something has. It returns io.EOF
// when the peer has closed with 1000, 1001 or without a code, os.ErrDeadlineExceeded,
// net.ErrClosed after Close, or the [*CloseError].
func (s *Stream) Read(b []byte) (n int, err error) {
	if s.left.Load() {
		return 0, errClosed
	}
	for n == 0 && err == nil && len(b) > 0 {
		err = s.in.next(context.Background(), &s.read, func(p *part) int {
			n = copy(b, p.data)
			return n
		})
	}
	return n, endOfRead(err)
}

// Write sends b as one message, which it copies, and blocks as a [Writer] does
// before that: with an error nothing was sent.
func (s *Stream) Write(b []byte) (n int, err error) {
	if s.left.Load() {
		return 0, errClosed
	}
	if err := s.c.sendInTurn(context.Background(), &s.write, s.kind, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close sends what waits and closes with 1000; what was received and not read is
// thrown away. It does not block: CloseTimeout bounds the rest.
func (s *Stream) Close() error {
	if s.left.Swap(true) {
		return errClosed
	}
	s.in.leave()
	_ = s.c.Close(StatusNormalClosure, "") // it may be closed already
	return nil
}

// LocalAddr is the address on this side.
func (s *Stream) LocalAddr() net.Addr { return s.c.LocalAddr() }

// RemoteAddr is the peer's address.
func (s *Stream) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

// SetDeadline sets both deadlines. The connection outlives them.
func (s *Stream) SetDeadline(t time.Time) error {
	s.read.set(t)
	s.write.set(t)
	return nil
}

// SetReadDeadline bounds Read, also one that blocks now.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.read.set(t)
	return nil
}

// SetWriteDeadline bounds Write, also one that blocks now.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.write.set(t)
	return nil
}

// sendInTurn is Send for one that may wait.
func (c *Conn) sendInTurn(ctx context.Context, until *deadline, k Kind, data []byte) error {
	if err := c.awaitTurn(ctx, until, nil); err != nil {
		return err
	}
	c.mu.Unlock()
	return c.Send(k, data)
}
