package poller

import (
	"errors"
	"fmt"
	"net"
)

// Attach makes nc a connection of l (nil: of the next loop in turn), with c as its Conn and h as its
// Handler. early is what was read from nc already: it is h's first Data, after Open; it is the
// poller's from now on. Attach may be called from any goroutine and does not block; h's methods are
// called on the loop, the first one perhaps before Attach has returned.
//
// A *net.TCPConn or *net.UnixConn is served by the reactor where there is one: its descriptor is
// taken over and nc is closed. Any other nc is a stream; it is used until Conn.Close closes it.
// On error nc is closed and h is not called.
func (p *Poller) Attach(l *Loop, nc net.Conn, early []byte, c *Conn, h Handler) error {
	if l == nil {
		l = p.deal()
	}
	if l.p != p {
		panic("poller: Attach to a loop of another Poller")
	}
	if err := p.attach(l, nc, early, c, h); err != nil {
		c.flags.Or(connClosed)
		return fmt.Errorf("poller: attach: %w", err)
	}
	return nil
}

// attach is Attach, but on error c is not marked as closed.
func (p *Poller) attach(l *Loop, nc net.Conn, early []byte, c *Conn, h Handler) error {
	c.bind(l, h)
	if p.options.Streams || !hasDescriptor(nc) {
		return l.attachStream(nc, early, c)
	}
	fd, err := takeDescriptor(nc)
	if err != nil {
		return err
	}
	return l.attachSock(fd, early, c)
}

// AttachFD makes the connected stream socket fd a connection of l. fd is the poller's from now on,
// also on error: then it is closed and h is not called. It is made non-blocking. Otherwise it is as
// Attach. With Options.Streams, and on a system without a reactor, it returns errors.ErrUnsupported
// and fd stays the caller's.
func (l *Loop) AttachFD(fd int, c *Conn, h Handler) error {
	if l.p.options.Streams {
		return fmt.Errorf("poller: attach: %w", errors.ErrUnsupported)
	}
	c.bind(l, h)
	if err := l.adopt(fd, c); err != nil {
		c.flags.Or(connClosed)
		return fmt.Errorf("poller: attach: %w", err)
	}
	return nil
}

// start is the task of Attach and AttachFD: Open, then what may be waiting already.
func (c *Conn) start(early []byte) {
	c.flags.And(^uint32(connHeld))
	if c.flags.Load()&(connOpened|connClosed) != 0 {
		return
	}
	c.open()
	if len(early) > 0 && !c.Closed() {
		c.loop.keepEarly(c, early)
	}
	if c.flags.Load()&connShort != 0 && !c.Closed() {
		// What made room may have come, and gone unheeded, while the events waited.
		c.flags.And(^uint32(connShort))
		c.handler.Drain()
	}
	c.read()
}

// read has c read whatever waits for it, until there is nothing more.
func (c *Conn) read() {
	if c.stream != nil {
		c.stream.deliver()
		return
	}
	c.readSock(true)
}
