package engine

import (
	"sync"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// What was queued leaves here: at the end of the turn that reads its connection, at
// the loop's next turn, when the socket drains, or at once if it is much.

// heads is room for the headers of direct: the system call has them escape.
var heads = sync.Pool{New: func() any { return new([codec.MaxHeaderBytes]byte) }}

// direct writes a large message to the socket at once and queues only what
// the socket did not take, if nothing waits before it. mu is held.
func (c *Conn) direct(op codec.OpCode, fin, packed bool, payload []byte, done func(error)) bool {
	if c.client() || c.blocked {
		return false
	}
	if c.out != nil && c.out.Len() > 0 {
		c.write()
		if c.blocked || c.out.Len() > 0 {
			return false
		}
	}
	room := heads.Get().(*[codec.MaxHeaderBytes]byte)
	defer heads.Put(room)
	h := codec.AppendHeader(room[:0], op, fin, packed, len(payload), nil)
	n, err := c.sendBuffers([][]byte{h, payload})
	l := c.loop()
	l.count.bytesOut.Add(uint64(n))
	if err != nil {
		c.failed(err)
		return false
	}
	if n == len(h)+len(payload) {
		l.count.framesOut.Add(1)
		if done != nil {
			c.tellDone(done, nil)
		}
		return true
	}
	q := c.queue()
	b := q.Reserve(len(h) + len(payload) - n)
	b = append(b, h[min(n, len(h)):]...)
	q.CommitBegun(append(b, payload[max(n-len(h), 0):]...), done)
	c.block()
	return true
}

// depart sees to it that what was queued is written: by the turn that reads c,
// by the socket's drain, at the loop's next turn, or now if it is much. mu is
// held, and released.
func (c *Conn) depart() {
	if c.out == nil || c.blocked {
		c.swell()
		c.mu.Unlock()
		return
	}
	if c.out.Bytes() >= flushBytes {
		c.write()
	}
	c.call()
	c.mu.Unlock()
}

// swell notes that the backlog is at half of its bound, so that Drain will say
// when it is not any more. mu is held.
func (c *Conn) swell() {
	if limit := c.route.core.MaxBacklogBytes; limit > 0 && c.out != nil && c.out.Bytes() >= limit/2 {
		c.full = true
	}
}

// call has the loop settle c: at the end of the turn that reads it, or at its
// next one. mu is held.
func (c *Conn) call() {
	if c.corked || c.queued || c.state == Closed || c.sock.Loop() == nil {
		return
	}
	c.queued = true
	c.loop().mark(c)
}

// write writes what waits until it is gone or the socket is full. mu is held.
func (c *Conn) write() {
	if s := c.secured(); s != nil {
		s.flush()
	}
	for c.out != nil && c.out.Len() > 0 && !c.blocked && !c.broken {
		b := c.out.Lead(writeBytes)
		if len(b) < min(c.out.Bytes(), writeBytes) {
			c.writeGathered()
			continue
		}
		n, err := c.sendBytes(b)
		c.wrote(n, len(b), err)
	}
}

// writeGathered is one write of several slices. mu is held.
func (c *Conn) writeGathered() {
	var room [writeSlices][]byte
	bufs, want := c.out.Next(room[:0], writeBytes), 0
	for _, b := range bufs {
		want += len(b)
	}
	n, err := c.sendBuffers(bufs)
	c.wrote(n, want, err)
}

// wrote takes note of a write of want bytes that took n. mu is held.
func (c *Conn) wrote(n, want int, err error) {
	count := &c.loop().count
	count.bytesOut.Add(uint64(n))
	count.framesOut.Add(uint64(c.out.Wrote(n)))
	if err != nil {
		c.failed(err)
		return
	}
	if n < want {
		c.block()
	}
}

// block notes that the socket takes no more of what waits. mu is held.
func (c *Conn) block() {
	l := c.loop()
	c.blocked = true
	c.swell()
	c.out.Trim()
	c.out.Hold(l.time.Load())
	if !c.watched {
		c.call()
	}
}

// failed gives up what waits after a write error. mu is held. The loop ends c
// at its next turn.
func (c *Conn) failed(err error) {
	c.endAs(&CloseError{Code: StatusAbnormalClosure, Peer: reset(err), Err: err})
	c.broken = true
	if c.state == Open {
		c.state = Closing
	}
	if c.out != nil {
		c.out.Clear(err)
	}
	c.call()
}

// cork makes replies gather while the loop reads c, in the loop's own queue if
// c has none.
func (c *Conn) cork(l *loop) {
	c.mu.Lock()
	if !c.corked {
		c.corked = true
		if c.out == nil {
			c.out, l.spare = l.spare, nil
			if c.blocked && c.out != nil {
				c.out.Hold(l.now)
			}
		}
	}
	c.mu.Unlock()
}

// settle brings c up to date: writes what waits, tells what happened, goes on
// with closing. It is called on the loop with mu held, and releases it.
func (c *Conn) settle(l *loop) {
	if c.state == Closed {
		c.mu.Unlock()
		return
	}
	c.write()
	if !c.watched && (c.blocked || c.windowed() || c.holdsUnread()) {
		l.watch(c)
	}
	var outcomes []sendq.Outcome
	drained := false
	if c.out != nil {
		outcomes = c.out.Finished()
		if c.full && c.out.Bytes() < c.route.core.MaxBacklogBytes/2 {
			c.full, drained = false, c.state == Open
		}
		if c.out.Controls() == 0 { // the lane that the answer goes by
			c.answered = c.answered || c.state != Connecting
		}
		if c.out.Len() == 0 {
			l.reclaim(c)
		}
	}
	c.tellRoom()
	next, blocked := c.closingStep(), c.blocked
	c.mu.Unlock()
	if blocked || c.stops.Load()&stopBudget != 0 {
		c.strain(l, blocked)
	}
	for _, o := range outcomes {
		c.deliver(item{op: opDone, done: o.Done, err: o.Err})
	}
	if drained {
		c.deliver(item{op: opDrain})
	}
	c.proceed(l, next)
}

// reclaim takes the empty queue of c back. c.mu is held.
func (l *loop) reclaim(c *Conn) {
	if l.spare == nil {
		c.out.Rest(&l.ledger.kept)
		l.spare = c.out
	} else {
		c.out.Free()
	}
	c.out = nil
}

// tellDone has done called in turn with c's callbacks. mu is held.
func (c *Conn) tellDone(done func(error), err error) {
	c.queue().Finish(done, err)
}
