package engine

import (
	"context"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// ending says how a connection is brought to its end from this side.
type ending uint8

const (
	// frame: send a closing frame and wait for the peer's.
	frame ending = iota
	// frameThenLinger: send a closing frame; what the peer says does not count
	// any more, it only gets the time to read.
	frameThenLinger
	// noFrame: write what waits and close.
	noFrame
)

// Close starts the closing handshake with a code and a reason: RFC 6455, 7.1.2.
// What was sent before goes out first, and CloseTimeout bounds all of it. No
// further message, ping or pong is delivered. It may be called from any goroutine and does
// not block. A second call, or one after the peer's closing frame, returns
// net.ErrClosed.
//
// code is one that may be sent, 1000-1003, 1007-1014 or 3000-4999, or
// StatusNoStatus for a frame without code and reason. reason is UTF-8 of at
// most 123 bytes.
func (c *Conn) Close(code StatusCode, reason string) error {
	switch {
	case code == StatusNoStatus && reason != "":
		return fmt.Errorf("engine: close: a reason needs a code")
	case code != StatusNoStatus && !codec.ValidCloseCode(code):
		return fmt.Errorf("engine: close: code %d can't be sent", code)
	case len(reason) > maxReasonBytes:
		return fmt.Errorf("engine: close: the reason has %d bytes, at most %d fit", len(reason), maxReasonBytes)
	case !utf8.ValidString(reason):
		return fmt.Errorf("engine: close: the reason is not UTF-8")
	}
	if !c.shut(&CloseError{Code: code, Reason: reason}, frame) {
		return errClosed
	}
	return nil
}

// CloseNow closes the socket without a closing frame; what waits is lost: ws's
// terminate. The Close callback sees 1006. It may be called from any goroutine
// and does not block; once c is closed it returns net.ErrClosed.
func (c *Conn) CloseNow() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Closed || c.killed {
		return errClosed
	}
	c.kill(&CloseError{Code: StatusAbnormalClosure})
	return nil
}

// kill has the loop close the socket at its next turn. mu is held.
func (c *Conn) kill(end *CloseError) {
	c.endAs(end)
	c.killed = true
	if c.state == Open {
		c.state = Closing
	}
	c.stops.Or(stopEnd)
	c.call()
}

// shut brings c to its end as e says, and reports whether it was open.
func (c *Conn) shut(end *CloseError, e ending) bool {
	c.mu.Lock()
	if c.state != Open {
		if e == frameThenLinger || e == noFrame {
			// It was closing already; now there is no answer to wait for.
			c.linger = true
			c.call()
		}
		c.mu.Unlock()
		return false
	}
	c.shutLocked(end, e)
	return true
}

// shutLocked is shut of an open connection with mu held, which it releases.
func (c *Conn) shutLocked(end *CloseError, e ending) {
	c.state = Closing
	c.endAs(end)
	c.linger = e != frame
	if e != noFrame {
		c.sent = true
		c.sendClose(end.Code, end.Reason)
	}
	// Reading goes on, for the peer's closing frame, whatever stopped it.
	c.stops.Or(stopEnd)
	c.stops.And(^uint32(stopReading))
	c.call()
	c.mu.Unlock()
}

// sendClose queues a closing frame behind everything else. mu is held.
func (c *Conn) sendClose(code StatusCode, reason string) {
	q := c.queue()
	b := q.Reserve(codec.MaxHeaderBytes + codec.MaxControlBytes)
	if !c.client() {
		q.Commit(codec.AppendClose(b, code, reason, nil), sendq.Terms{Class: sendq.Fragment})
		return
	}
	mask := newMask()
	q.Commit(codec.AppendClose(b, code, reason, &mask), sendq.Terms{Class: sendq.Fragment})
}

// heardClose notes the peer's closing frame. It is called on the loop.
func (c *Conn) heardClose(code StatusCode, reason string) {
	c.mu.Lock()
	c.got = true
	c.endAs(&CloseError{Code: code, Reason: reason, Peer: true})
	c.mu.Unlock()
}

// answerClose answers the peer's closing frame with its own code: RFC 6455,
// 5.5.1. It is called in turn, behind the messages that came before the frame.
func (c *Conn) answerClose() {
	c.mu.Lock()
	if c.state == Open {
		c.shutLocked(c.ending(), frame)
		return
	}
	c.call()
	c.mu.Unlock()
}

// step is what closing asks of the loop next.
type step uint8

const (
	stepNone   step = iota
	stepWait        // have the end come at CloseTimeout
	stepLinger      // half-close, and wait for the peer's end
	stepGone        // close the socket
)

// closingStep decides what closing asks for now. mu is held.
func (c *Conn) closingStep() step {
	if c.broken || c.killed {
		return stepGone
	}
	if c.state != Closing && !c.linger {
		return stepNone
	}
	if c.out != nil && c.out.Len() > 0 {
		return stepWait
	}
	switch {
	case c.linger && !c.sent && c.state == Closing:
		return stepGone
	case c.linger:
		return stepLinger
	case c.sent && c.got && !c.client():
		return stepGone // RFC 6455, 7.1.1: the server closes first
	}
	return stepWait
}

// proceed takes the next step. It is called on the loop.
func (c *Conn) proceed(l *loop, s step) {
	switch s {
	case stepNone:
		return
	case stepGone:
		c.teardown(l, nil)
		return
	case stepLinger:
		first := !c.lingering
		c.lingering, c.phase = true, phaseDone
		if c.ended || first && c.shutWrite() != nil {
			c.teardown(l, nil)
			return
		}
	}
	if !c.closing {
		c.closing = true
		c.due = l.now + l.core.closing
		l.wheel.Set(c, c.due)
	}
	c.follow(l)
}

func (c *Conn) shutWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.secured(); s != nil {
		return s.closeWrite()
	}
	return c.sock.CloseWrite()
}

// teardown closes the socket, frees what c holds and tells the handler. It is
// called on the loop; end is the cause unless one is known already.
func (c *Conn) teardown(l *loop, end *CloseError) {
	c.mu.Lock()
	if c.state == Closed {
		c.mu.Unlock()
		return
	}
	opened := c.state != Connecting
	c.state = Closed
	c.endAs(or(end, &CloseError{Code: StatusAbnormalClosure, Err: io.ErrUnexpectedEOF}))
	end = c.ending()
	end.Clean = c.sent && c.got && (c.out == nil || c.out.Len() == 0)
	if s := c.secured(); s != nil {
		s.close(l)
	}
	_ = c.sock.Close() // nothing can be done about a close that fails
	outcomes := append(c.giveUpQueue(), c.giveUpHeld(errClosed)...)
	subs, extra := c.subs, c.more
	c.subs = nil
	var done context.CancelCauseFunc
	if extra != nil {
		done = extra.done
		extra.endTrips()
		c.tellRoom()
	}
	c.mu.Unlock()

	c.phase = phaseGone
	l.wheel.Clear(c)
	if c.in != nil {
		c.in.drop()
		c.in.home()
		c.in = nil
	}
	if subs != nil {
		subs.leave()
	}
	if extra != nil && extra.windows != nil {
		extra.windows.end()
	}
	if extra != nil && extra.cancel != nil {
		extra.cancel()
	}
	if done != nil {
		done(end)
	}
	l.core.socketGone(c)
	for _, o := range outcomes {
		c.deliver(item{op: opDone, done: o.Done, err: o.Err})
	}
	if opened {
		l.leave(c)
		l.count.closed.Add(1)
		if it := (item{op: opClose, err: end}); !c.post(it) { // behind what was posted before
			c.deliver(it)
		}
	}
}

// giveUpQueue frees what waits to be written. mu is held.
func (c *Conn) giveUpQueue() []sendq.Outcome {
	if c.out == nil {
		return nil
	}
	c.out.Clear(errClosed)
	outcomes := c.out.Finished()
	c.out.Free()
	c.out = nil
	return outcomes
}
