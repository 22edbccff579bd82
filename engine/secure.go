package engine

import (
	"crypto/tls"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/weirws/weir/engine/internal/tlspump"
	"github.com/weirws/weir/poller"
)

// secure is a connection on TLS: it stands between the socket and wire, and
// between Conn and the socket. It has no goroutine but during the handshake.
type secure struct {
	conn   *Conn
	config *tls.Config // of the listener; nil when the handshake was done elsewhere
	pump   *tlspump.Pump

	// Owned by the loop.
	shake *tlspump.Handshake // while it is under way
	hello []byte             // what came before it: less than a record
	early []byte             // plaintext that was read elsewhere
	// waiting is true while the socket is not read because of the handshake.
	waiting bool
	// ended is true once wire.End was called.
	ended bool
	// later is what Drain is to do.
	later func()

	// Guarded by the connection's mu.
	// ready is true once the handshake is done.
	ready bool
	// shut is true if the socket is to be shut once all is written.
	shut    bool
	charged int64 // to the loop's ledger
}

var _ poller.Handler = (*secure)(nil)

// onTLS makes c, which is not attached yet, a connection on TLS.
func (c *Conn) onTLS(s *secure) *secure {
	s.conn = c
	c.extend().tls = s
	return s
}

// secured is what c has for TLS; nil without. mu is held.
func (c *Conn) secured() *secure {
	if c.more == nil {
		return nil
	}
	return c.more.tls
}

func (s *secure) wire() *wire { return (*wire)(s.conn) }

// Open is the socket's first event.
func (s *secure) Open() {
	c := s.conn
	s.wire().Open()
	if !s.ready || c.phase == phaseGone {
		return
	}
	if early := s.early; len(early) > 0 {
		s.early = nil
		s.wire().Data(early)
	}
	if c.phase != phaseGone {
		s.proceed(c.loop(), nil)
	}
}

// proceed is a turn that no readiness has begun.
func (s *secure) proceed(l *loop, b []byte) {
	s.step(l, b)
	if s.conn.phase != phaseGone {
		s.wire().Turned()
	}
}

// Room has none: ciphertext goes through the loop's buffer.
func (*secure) Room() []byte { return nil }

// Data takes ciphertext.
func (s *secure) Data(b []byte) {
	c := s.conn
	l := c.loop()
	l.stir()
	if c.phase == phaseProxy {
		if b = c.readProxy(l, b); len(b) == 0 {
			return
		}
	}
	switch {
	case s.ended || c.phase == phaseDone && !s.ready:
		c.discard(len(b)) // nobody wants it
	case s.ready:
		s.step(l, b)
	case s.shake != nil:
		if s.shake.Feed(b) >= maxFedBytes {
			s.wait()
		}
	default:
		s.greet(l, b)
	}
}

// step decrypts b, and gives wire what there is of it.
func (s *secure) step(l *loop, b []byte) {
	c, w := s.conn, s.wire()
	c.mu.Lock()
	s.pump.Push(b)
	for {
		p := s.room(l)
		n, dry, err := s.fill(p)
		s.flush()
		c.mu.Unlock()
		if n > 0 {
			w.Data(p[:n])
		}
		if c.phase == phaseGone {
			return
		}
		if err != nil {
			s.end(err)
			return
		}
		if dry {
			return
		}
		c.mu.Lock()
	}
}

// room is where the next plaintext goes.
func (s *secure) room(l *loop) []byte {
	if b := s.wire().Room(); len(b) > 0 {
		return b
	}
	if l.plain == nil {
		l.plain = make([]byte, plainBytes)
	}
	return l.plain
}

// fill decrypts until b is full. dry: there is no more. mu is held.
func (s *secure) fill(b []byte) (n int, dry bool, err error) {
	for n < len(b) {
		m, err := s.pump.Read(b[n:])
		n += m
		if err != nil || m == 0 {
			return n, err == nil, err
		}
	}
	return n, false, nil
}

// end tells wire that no more plaintext comes.
func (s *secure) end(err error) {
	if !s.ended {
		s.ended = true
		s.wire().End(err)
	}
}

// Turned ends a turn.
func (s *secure) Turned() { s.wire().Turned() }

// Drain says that the socket takes bytes again.
func (s *secure) Drain() {
	if f := s.later; f != nil {
		s.later = nil
		f()
		return
	}
	s.wire().Drain()
}

// End says that no more ciphertext comes. A peer that did not say so before, by
// close_notify, may have been cut short by somebody else.
func (s *secure) End(err error) {
	if err == io.EOF && s.ready {
		err = io.ErrUnexpectedEOF
	}
	if s.ended {
		s.conn.ended = true
		return
	}
	s.end(err)
}

// wait stops the socket's reading for the handshake.
func (s *secure) wait() {
	if !s.waiting {
		s.waiting = true
		s.conn.sock.Pause()
	}
}

// goOn undoes wait.
func (s *secure) goOn() {
	if s.waiting {
		s.waiting = false
		s.conn.sock.Resume()
	}
}

// state is what the handshake has agreed on.
func (s *secure) state() *tls.ConnectionState {
	cs := s.pump.Conn().ConnectionState()
	return &cs
}

// sendBytes gives the socket what it takes of b: as [poller.Conn.Write]. mu is
// held.
func (c *Conn) sendBytes(b []byte) (int, error) {
	s := c.secured()
	if s == nil || !s.ready { // a refusal of plain HTTP comes before
		return c.sock.Write(b)
	}
	defer s.charge()
	return s.pump.Write(&c.sock, b)
}

// sendBuffers is sendBytes of several slices. mu is held.
func (c *Conn) sendBuffers(bufs [][]byte) (int, error) {
	s := c.secured()
	if s == nil || !s.ready {
		return c.sock.WriteBuffers(bufs)
	}
	defer s.charge()
	return s.pump.WriteBuffers(&c.sock, bufs)
}

// flush writes ciphertext that waits. mu is held. When none is left the socket
// owes no Drain, since its last write was not short: c goes on by itself.
func (s *secure) flush() {
	if s.pump == nil || s.pump.Waiting() == 0 {
		return
	}
	c := s.conn
	rest, err := s.pump.Flush(&c.sock)
	s.charge()
	if err != nil {
		if !c.broken {
			c.failed(err)
		}
		return
	}
	if rest == 0 && c.blocked {
		c.blocked = false
		c.call()
	}
	if rest == 0 && s.shut {
		s.shut = false
		_ = c.sock.CloseWrite() // a peer that is gone is told of by End
	}
}

// charge has the budget know of what s holds for the peer. mu is held.
func (s *secure) charge() {
	held := int64(cap(s.hello))
	if s.pump != nil {
		held += int64(s.pump.Held())
	}
	if held != s.charged {
		s.conn.loop().ledger.kept.Add(held - s.charged)
		s.charged = held
	}
}

// closeWrite ends what we send: with a close_notify, and the socket's end. mu is
// held.
func (s *secure) closeWrite() error {
	c := s.conn
	if s.ready {
		_, _ = s.pump.CloseNotify(&c.sock) // CloseWrite tells
	}
	if s.pump != nil && s.pump.Waiting() > 0 {
		s.shut = true
		return nil
	}
	return c.sock.CloseWrite()
}

// close says goodbye before the socket is closed, if it takes that now, and
// frees what s holds. It is called on the loop with mu held.
func (s *secure) close(l *loop) {
	c := s.conn
	if s.shake != nil {
		s.shake.Abort()
	}
	s.hello, s.early, s.later = nil, nil, nil
	if s.pump != nil && s.shake == nil && !c.sock.Closed() {
		if s.ready {
			_, _ = s.pump.CloseNotify(&c.sock) // nobody is left to be told
		}
		s.pump.Drop()
	}
	l.ledger.kept.Add(-s.charged)
	s.charged = 0
}

// panickedShaking makes a handshake fail whose callback panicked.
func (s *secure) panickedShaking(r any) error {
	co := s.conn.route.core
	co.panics.Add(1)
	co.Log.Error("engine: a callback of the tls.Config panicked", "remote", s.conn.RemoteAddr(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	return errShake
}
