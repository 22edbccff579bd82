package engine

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// Room is where the next bytes are to be read: into the memory of a large
// message, past the loop's buffer.
func (w *wire) Room() []byte {
	c := (*Conn)(w)
	if c.in == nil || c.in.rest != nil || c.phase != phaseOpen {
		return nil
	}
	b := c.in.dec.Room()
	c.in.direct = b != nil
	return b
}

// Data takes what was read.
func (w *wire) Data(b []byte) {
	c := (*Conn)(w)
	l := c.loop()
	l.stir()
	c.seen, c.pinged = l.now, false
	l.read(c)
	c.cork(l)
	switch c.phase {
	case phaseOpen:
		c.receive(l, b)
	case phaseHead:
		c.readHead(l, b)
	case phaseProxy:
		if b = c.readProxy(l, b); len(b) > 0 {
			c.readHead(l, b)
		}
	case phaseUpgrading:
		c.keep(l, b)
	case phaseDone:
		c.discard(len(b))
	}
}

// Turned ends a turn of reading: the replies that gathered are written.
func (w *wire) Turned() {
	c := (*Conn)(w)
	c.mu.Lock()
	c.corked = false
	c.settle(c.loop())
}

// Drain says that the socket takes bytes again.
func (w *wire) Drain() {
	c := (*Conn)(w)
	l := c.loop()
	l.stir()
	c.mu.Lock()
	c.blocked = false
	c.settle(l)
}

// End says that no more bytes come.
func (w *wire) End(err error) {
	c := (*Conn)(w)
	l := c.loop()
	l.stir()
	c.ended = true
	if err == io.EOF && (c.phase == phaseUpgrading || c.phase == phaseOpen && c.in != nil && c.in.rest != nil) {
		return // on TLS the end may be read before what came before it is looked at: see follow
	}
	if err == io.EOF && c.State() != Connecting {
		c.eof()
		return
	}
	if errors.Is(err, net.ErrClosed) { // it is the engine that closes
		c.stops.Or(stopEnd)
		c.teardown(l, &CloseError{Code: StatusAbnormalClosure, Err: ErrServerClosed})
		return
	}
	c.teardown(l, &CloseError{Code: StatusAbnormalClosure, Peer: true, Err: endCause(err)})
}

// eof says that the peer sends no more: what it asked for is answered before
// the end.
func (c *Conn) eof() {
	c.phase = phaseDone
	c.deliver(item{op: opEOF})
}

// endCause is what a CloseError says of how reading ended.
func endCause(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// keep stashes bytes that arrived while nothing may be read.
func (c *Conn) keep(l *loop, b []byte) {
	in := l.begin(c)
	in.stash(b)
	l.finish(c, in)
}

// receive decodes frames. It is called on the loop while c is open.
func (c *Conn) receive(l *loop, b []byte) {
	in := l.begin(c)
	defer c.contain(l, in, b)
	switch {
	case in.direct:
		in.direct = false
		ev, err := in.dec.Filled(len(b))
		c.event(l, in, &ev, err)
	case in.rest != nil:
		in.stash(b) // what was stashed comes first: follow decodes both
	default:
		c.decode(l, in, b)
	}
	if c.phase == phaseOpen {
		c.sock.ReadInto(len(in.dec.Held()) > 0)
	}
}

// contain ends receive, also when an Inline callback panicked: then follow
// decodes what is left of b.
func (c *Conn) contain(l *loop, in *inbound, b []byte) {
	if r := recover(); r != nil {
		c.panicked(r)
		in.stash(b[len(b)-l.ahead:])
	}
	l.handParcel()
	l.ahead = 0
	had := c.in
	l.finish(c, in)
	if c.in != nil {
		c.in.came(l, len(b), c.in != had || l.messages > 0)
		c.weighInput(l)
	}
	if l.messages > 0 {
		l.count.messagesIn.Add(l.messages)
		l.count.bytesIn.Add(l.bytes)
		l.messages, l.bytes = 0, 0
	}
}

// decode takes one event after the other out of b, until b is used up, reading
// stops, or no frame counts any more.
func (c *Conn) decode(l *loop, in *inbound, b []byte) {
	heard := c.route.handler.Message != nil
	for len(b) > 0 && c.phase == phaseOpen {
		if heard && c.stops.Load() == 0 {
			if op, p, n := in.dec.Whole(b); n > 0 { // what event comes to, for most of what comes
				b = b[n:]
				l.ahead = len(b)
				c.said = l.now
				l.messages++
				l.bytes += uint64(len(p))
				c.whole(l, Kind(op), p)
				continue
			}
		}
		if c.stopped() {
			in.stash(b)
			c.hold()
			break
		}
		ev, n, err := in.dec.Next(b)
		b = b[n:]
		l.ahead = len(b)
		c.event(l, in, &ev, err)
	}
}

// whole is what event comes to for a whole message with a Message callback: b is
// valid only now.
func (c *Conn) whole(l *loop, k Kind, b []byte) {
	switch {
	case l.core.Inline:
		c.hear(k, b)
	case !l.parcel.takes(l, c, k, true, b):
		c.lend(item{op: opMessage, kind: k, last: true, data: b})
	}
}

// event handles what the decoder found.
func (c *Conn) event(l *loop, in *inbound, ev *codec.Event, err error) {
	if err != nil {
		c.violated(l, err)
		return
	}
	switch ev.Kind {
	case codec.Message, codec.LastPiece, codec.Piece:
		c.said = l.now
		if ev.Kind != codec.Piece {
			l.messages++
		}
		l.bytes += uint64(len(ev.Data))
		c.message(l, in, ev)
	case codec.Ping:
		if !c.paced(l) {
			return
		}
		l.count.pingsIn.Add(1)
		if !l.core.ManualPong {
			c.answerPing(ev.Data)
		}
		if c.route.handler.Ping != nil && c.stops.Load()&stopEnd == 0 {
			c.lend(item{op: opPing, data: ev.Data})
		}
	case codec.Pong:
		if !c.ponged(ev.Data) && !c.paced(l) {
			return
		}
		if c.route.handler.Pong != nil && c.stops.Load()&stopEnd == 0 {
			c.lend(item{op: opPong, data: ev.Data})
		}
	case codec.Close:
		c.phase = phaseDone
		c.heardClose(ev.Code, string(ev.Data))
		c.deliver(item{op: opPeerClose})
	}
}

// message hands a message, or a piece of one, to whoever wants it.
func (c *Conn) message(l *loop, in *inbound, ev *codec.Event) {
	var owned *pool.Buffer
	if ev.Owned {
		owned = in.take()
	}
	if ev.Compressed {
		c.inflated(l, ev, owned)
		return
	}
	c.handOver(item{op: opMessage, kind: Kind(ev.Op), last: ev.Kind != codec.Piece, buf: owned, data: ev.Data})
}

// handOver delivers a message, or a piece of one, if somebody wants it. Its data
// is valid only now if it has no buf.
func (c *Conn) handOver(it item) {
	h, stops := &c.route.handler, c.stops.Load()
	switch {
	case stops&stopEnd != 0, h.Message == nil && h.Fragment == nil && stops&(stopTaken|stopFresh) == 0:
		it.giveUp()
	case c.route.sockets, stops&stopTaken != 0 && c.route.core.Inline: // nothing of it waits for a worker
		c.more.intake.put(&it)
		it.giveUp()
	case it.buf == nil:
		c.lend(it)
	default:
		c.deliver(it)
	}
}

// violated answers a peer that broke the protocol.
func (c *Conn) violated(l *loop, err error) {
	c.phase = phaseDone
	l.count.violations.Add(1)
	code, text := StatusProtocolError, err.Error()
	var broken *codec.Error
	if errors.As(err, &broken) {
		code, text = broken.Code, broken.Text
	}
	c.deliver(item{op: opViolation, code: code, text: text, err: err})
}

// discard counts bytes that nobody wants. A peer that sends many of them is cut
// off.
func (c *Conn) discard(n int) {
	if c.in == nil {
		c.in = inbounds.Get().(*inbound)
	}
	if c.in.junk += n; c.in.junk > lingerBytes {
		c.CloseNow()
	}
}

// Pause stops reading from the peer, which is thereby slowed down by its own
// TCP connection. With Inline no message is delivered once it returns to the
// loop; otherwise those that wait for a worker still are. While paused the
// peer's silence is not held against it. Pauses don't count: one Resume ends
// them all. It may be called from any goroutine and does not block.
func (c *Conn) Pause() { c.stop(stopUser) }

// Resume undoes Pause.
func (c *Conn) Resume() { c.unstop(stopUser) }

// Paused reports whether Pause was called and Resume was not since: ws's
// isPaused.
func (c *Conn) Paused() bool { return c.stops.Load()&stopUser != 0 }

// stopped reports whether reading is to stop. Once a closing frame of ours is
// on its way it is not: the peer's is waited for.
func (c *Conn) stopped() bool {
	s := c.stops.Load()
	return s&stopReading != 0 && s&stopEnd == 0
}

// stop adds a reason not to read.
func (c *Conn) stop(why uint32) {
	if c.stops.Or(why)&stopReading == 0 {
		c.nudge()
	}
}

// unstop takes a reason off; the loop reads on when none is left.
func (c *Conn) unstop(why uint32) {
	if c.stops.And(^why)&why != 0 {
		c.nudge()
	}
}

// nudge asks the loop to look after c at its next turn, even if it is being
// read right now.
func (c *Conn) nudge() {
	c.mu.Lock()
	if !c.queued && c.state != Closed && c.sock.Loop() != nil {
		c.queued = true
		c.loop().mark(c)
	}
	c.mu.Unlock()
}

// follow makes the socket's reading follow stops. It is called on the loop.
func (c *Conn) follow(l *loop) {
	if c.phase == phaseOpen && c.stopped() || c.phase == phaseUpgrading || c.phase == phaseGone {
		c.hold()
		return
	}
	if c.in != nil && c.in.rest != nil && c.phase == phaseOpen {
		c.readRest(l)
		if c.phase == phaseGone || c.in != nil && c.in.rest != nil {
			return // stopped again
		}
	}
	if c.ended && c.phase == phaseOpen {
		c.eof()
	}
	if c.held {
		c.held = false
		c.seen, c.said = l.now, l.now // its silence was ours
		c.sock.Resume()
	}
}

// hold stops the socket's reading. It is called on the loop.
func (c *Conn) hold() {
	if !c.held {
		c.held = true
		c.sock.Pause()
	}
}

// readRest decodes what was stashed when reading stopped.
func (c *Conn) readRest(l *loop) {
	rest := c.in.unstash()
	l.read(c)
	c.cork(l)
	c.receive(l, rest.B) // contains panics
	rest.Release()
	c.mu.Lock()
	c.corked = false
	c.settle(l)
}

// reset reports whether err only says that the peer went away.
func reset(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
