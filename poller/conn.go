package poller

import (
	"net"
	"sync/atomic"
)

// A Conn is one connection on its loop. It is meant to be embedded by value in its owner's own
// connection object. The zero Conn is closed; Attach, AttachFD or a Listener bring it to life, once:
// it is never attached again, because a late event may still look at it.
//
// Write, WriteBuffers, CloseWrite, Close, Detach, LocalAddr and RemoteAddr of one Conn must not run
// at the same time: the owner serialises them with a lock of its own. Nothing here blocks.
//
// Conn: 40 bytes = loop 8 + handler 16 + stream 8 + sock 4 + flags 4. A reactor adds the slot of its
// descriptor in the Poller's table, 8 bytes.
type Conn struct {
	loop    *Loop
	handler Handler
	stream  *stream // nil on a reactor

	// sock is the descriptor plus one; 0: none. Written under the owner's lock on the loop.
	sock int32

	// flags is shared: the loop sets and clears its bits, a writing goroutine sets connShort.
	//
	//	bit  name            set by      meaning
	//	0    connRegistered  attacher    the reactor delivers events
	//	1    connHeld        attacher    Attach's task has not run yet: events wait for it
	//	2    connOpened      loop        Open was called
	//	3    connShort       writer      a write was short: Drain is owed
	//	4    connPaused      loop        no Data
	//	5    connInto        loop        ask Room before a read
	//	6    connQueued      loop        in the loop's reread queue
	//	7    connEarly       loop        bytes given to Attach wait in Loop.early
	//	8    connEnded       loop        End was called
	//	9    connClosed      loop        Close or Detach was called
	//	10   connAdopted     attacher    others may hold the open socket too
	flags atomic.Uint32
}

const (
	connRegistered = 1 << iota
	connHeld
	connOpened
	connShort
	connPaused
	connInto
	connQueued
	connEarly
	connEnded
	connClosed
	connAdopted

	// connDeaf: nothing is read.
	connDeaf = connPaused | connEnded | connClosed
)

// Loop returns the loop that c is attached to, nil before that. It may be called from any goroutine
// that knows c to be attached.
func (c *Conn) Loop() *Loop { return c.loop }

// Closed reports whether Close or Detach was called. It may be called from any goroutine.
func (c *Conn) Closed() bool { return c.flags.Load()&connClosed != 0 }

// Write sends b as far as the socket takes it now and never blocks. n < len(b) with a nil error says
// that the socket is full: the rest is the caller's to keep, and Handler.Drain will follow. b is not
// kept. An error is final for writing; after Close it is net.ErrClosed. A broken connection is told
// to the reading side too, by Handler.End.
//
// Any goroutine may call it, one at a time with the other methods that the owner serialises.
func (c *Conn) Write(b []byte) (n int, err error) {
	if c.stream != nil {
		return c.stream.write(b)
	}
	if c.sock == 0 {
		return 0, net.ErrClosed
	}
	return c.send(b)
}

// WriteBuffers is Write for the bytes of several slices in order, gathered into as few system calls
// as can be: n counts over all of them. Neither bufs nor what it holds is changed or kept.
func (c *Conn) WriteBuffers(bufs [][]byte) (n int, err error) {
	if c.stream != nil {
		return c.stream.writeBuffers(bufs)
	}
	if c.sock == 0 {
		return 0, net.ErrClosed
	}
	return c.sendBuffers(bufs)
}

// Pause stops Data; what the peer sends waits in the socket and holds the peer back. A peer that
// goes away is not noticed by reading while paused. It is called on the loop.
func (c *Conn) Pause() { c.flags.Or(connPaused) }

// Resume ends a Pause. Data follows in a later turn, never within Resume. It is called on the loop.
func (c *Conn) Resume() {
	if c.flags.And(^uint32(connPaused))&connDeaf == connPaused {
		c.loop.again(c)
	}
}

// Paused reports whether Pause was called and Resume was not. It may be called from any goroutine.
func (c *Conn) Paused() bool { return c.flags.Load()&connPaused != 0 }

// ReadInto turns the question for Handler.Room on or off. It is called on the loop.
func (c *Conn) ReadInto(on bool) {
	if on {
		c.flags.Or(connInto)
		return
	}
	c.flags.And(^uint32(connInto))
}

// CloseWrite ends what c sends (a FIN) and goes on reading. Bytes that a Write has accepted arrive
// first. A stream whose net.Conn has no CloseWrite returns errors.ErrUnsupported.
func (c *Conn) CloseWrite() error {
	if c.stream != nil {
		return c.stream.closeWrite()
	}
	if c.sock == 0 {
		return net.ErrClosed
	}
	return c.shutdownWrite()
}

// Close closes the connection. It is called on the loop (after Poller.Close: anywhere), serialised
// with the writes. No method of the Handler is called after it. Bytes that a Write has accepted are
// still sent. A second Close returns net.ErrClosed.
func (c *Conn) Close() error {
	if c.loop == nil || c.flags.Or(connClosed)&connClosed != 0 {
		return net.ErrClosed
	}
	if c.stream != nil {
		return c.stream.close()
	}
	return c.closeSock()
}

// Detach takes the connection off its loop and returns it as a net.Conn; c is closed for good, as
// after Close. Bytes handed to Data are the Handler's; all later ones come from the net.Conn.
// It is called on the loop. On error c is as it was: a stream whose accepted bytes have not all
// been written refuses with ErrUnwritten, and Handler.Drain follows. A stream that is being read is
// interrupted by its read deadline, which is cleared again.
func (c *Conn) Detach() (net.Conn, error) {
	if c.loop == nil || c.Closed() {
		return nil, net.ErrClosed
	}
	if c.stream != nil {
		return c.stream.detach()
	}
	return c.detachSock()
}

// LocalAddr returns the address of this end, nil when c is closed. It asks the system and allocates.
func (c *Conn) LocalAddr() net.Addr {
	if c.stream != nil && !c.Closed() {
		return c.stream.nc.LocalAddr()
	}
	if c.sock == 0 {
		return nil
	}
	return c.sockName()
}

// RemoteAddr returns the address of the peer, nil when c is closed. It asks the system and allocates.
func (c *Conn) RemoteAddr() net.Addr {
	if c.stream != nil && !c.Closed() {
		return c.stream.nc.RemoteAddr()
	}
	if c.sock == 0 {
		return nil
	}
	return c.peerName()
}

// bind makes c a connection of l; it panics on a Conn that was attached before.
func (c *Conn) bind(l *Loop, h Handler) {
	if c.loop != nil {
		panic("poller: a Conn is attached a second time")
	}
	c.loop, c.handler = l, h
}

// open calls Handler.Open once, and not after Close.
func (c *Conn) open() {
	if c.flags.Load()&(connOpened|connClosed) == 0 {
		c.flags.Or(connOpened)
		c.handler.Open()
	}
}

// end calls Handler.End once, and not after Close.
func (c *Conn) end(err error) {
	if c.flags.Load()&(connEnded|connClosed) == 0 {
		c.flags.Or(connEnded)
		c.handler.End(err)
	}
}

// fail opens and ends an accepted c that could not be attached: its owner has made it already.
func (c *Conn) fail(err error) {
	c.loop.Do(func() { // refused: Listener.Close comes before the loop's end
		c.open()
		c.end(err)
	})
}
