package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/weirws/weir/pool"
)

// op says what an item does in turn with its connection's callbacks.
type op uint8

const (
	opOpen op = iota
	opMessage
	opPing
	opPong
	opDrain
	opDrop
	opPeerClose // the peer's closing frame
	opViolation // the peer broke the protocol
	opEOF       // the peer sends no more
	opDone      // a sender is told what became of its message
	opFunc      // Do
	opClose     // the last one
)

// item is one thing to do in turn with a connection's callbacks.
type item struct {
	op   op
	kind Kind
	last bool // of a message: no piece of it follows
	many bool // messages: a parcel is in buf, and data is what is left of it
	code StatusCode
	buf  *pool.Buffer // where data lies, if that is lent; the item holds it
	data []byte
	text string
	err  error
	f    func()
	done func(error)
}

// lend delivers it, whose data is valid only now: with workers, a copy.
func (c *Conn) lend(it item) {
	if c.route.core.Inline {
		l := c.loop()
		l.calling.Store(uint32(it.op))
		c.run(it)
		l.calling.Store(uint32(opMessage))
		return
	}
	l := c.loop()
	if it.op == opMessage && l.parcel.takes(l, c, it.kind, it.last, it.data) {
		return
	}
	it.buf = l.ledger.lent.Get(len(it.data))
	it.buf.B = append(it.buf.B, it.data...)
	it.data = it.buf.B
	c.deliver(it)
}

// hear calls Message with b, which is valid only now. It panics if the callback
// does. It is what run comes to, without an item for each message.
func (c *Conn) hear(k Kind, b []byte) {
	if pool.Invariants && len(b) > 0 {
		b = sample(b)
		defer ruin(b)
	}
	c.route.handler.Message(c, Message{Kind: k, Data: b})
}

// deliver has it run in turn: at once, on the loop, with Inline, and on a
// worker otherwise. It is called on the loop.
func (c *Conn) deliver(it item) {
	co := c.route.core
	if co.Inline {
		c.runInline(it)
		return
	}
	c.loop().handParcel() // they came first
	c.push(it, 1)
}

// push puts it, which counts for n, on the strand. It is called on the loop.
func (c *Conn) push(it item, n int) {
	depth := c.route.core.strands.PushN(c, &c.line, it, n)
	if depth == 0 {
		it.giveUp()
		return
	}
	if l := c.loop(); !l.handed {
		l.handed = true
		l.poll.Wake() // turn lets the workers go first
	}
	if it.received() {
		c.throttle(depth, len(it.data)/n)
	}
}

// throttle stops reading when too much waits for a worker: depth messages, of
// which the last have size bytes. It is called on the loop.
func (c *Conn) throttle(depth, size int) {
	co, why := c.route.core, uint32(0)
	l := c.loop()
	if depth >= co.StrandDepth {
		why |= stopStrand
	}
	lv := l.weigh()
	if depth*size >= lentBytes || depth > 1 && lv >= levelSoft {
		why |= stopLent
	}
	if lv == levelBrim {
		l.dam()
		c.dam() // it may be newer than the dam
	}
	if why == 0 || c.stops.Load()&stopEnd != 0 {
		return
	}
	c.stops.Or(why)
	c.hold()
	// The strand may have passed the mark in between, before stops was seen.
	left := c.line.Depth()
	if left <= co.StrandDepth/2 {
		c.unstop(stopStrand)
	}
	if left == 0 {
		c.unstop(stopLent)
	}
}

// received reports whether it is one of those of which a peer may send any
// number.
func (it *item) received() bool { return it.op >= opMessage && it.op <= opPong }

// post is deliver for any goroutine.
func (c *Conn) post(it item) bool {
	co := c.route.core
	if co.Inline {
		return c.sock.Loop().Do(func() { c.runInline(it) })
	}
	return co.strands.Push(c, &c.line, it) > 0
}

// giveUp frees what an item that can't run holds.
func (it *item) giveUp() {
	if it.buf != nil {
		it.buf.Release()
	}
}

// runItem is what a worker does with an item.
func runItem(c *Conn, it *item, left int) {
	if it.many {
		c.runNext(it, left)
		return
	}
	defer c.ran(left) // also when a callback ends its goroutine
	c.runContained(*it)
}

// runNext is runItem for the next message of a parcel. The parcel's memory goes
// back after the last one.
func (c *Conn) runNext(it *item, left int) {
	defer c.ranNext(it, left) // as above
	k, last, b := it.next()
	h, stops := &c.route.handler, c.stops.Load()
	if h.Message != nil && stops&(stopTaken|stopEnd) == 0 {
		c.hear(k, b)
		return
	}
	c.runContained(item{op: opMessage, kind: k, last: last, buf: it.buf.Retain(), data: b})
}

// ranNext ends runNext and contains a panic of its callback.
func (c *Conn) ranNext(it *item, left int) {
	if r := recover(); r != nil {
		c.panicked(r)
	}
	if len(it.data) == 0 {
		it.giveUp()
	}
	c.ran(left)
}

// ran has the socket read again once half of what waited is done, or all of it
// if that was many bytes.
func (c *Conn) ran(left int) {
	stops := c.stops.Load()
	if left == c.route.core.StrandDepth/2 && stops&stopStrand != 0 {
		c.unstop(stopStrand)
	}
	if left == 0 && stops&stopLent != 0 {
		c.unstop(stopLent)
	}
	if l := c.loop(); stops&stopBrim != 0 && l.weigh() < levelHard {
		l.poll.Wake() // it heeds that
	}
}

// runContained runs it and lets no panic out.
func (c *Conn) runContained(it item) {
	defer c.caught(&it)
	if it.op == opMessage && c.stops.Load()&(stopTaken|stopEnd) == stopTaken {
		c.more.intake.put(&it)
		return
	}
	c.run(it)
}

// caught gives the item's memory back and contains a panic of its callback.
func (c *Conn) caught(it *item) {
	if r := recover(); r != nil {
		c.panicked(r)
	}
	if it.op == opDrop {
		c.told(it)
	}
	it.giveUp()
}

// run does what it says. It panics if a callback does.
func (c *Conn) run(it item) {
	if pool.Invariants && len(it.data) > 0 {
		it.data = sample(it.data)
		defer ruin(it.data)
	}
	h := &c.route.handler
	switch it.op {
	case opOpen:
		if h.Open != nil {
			h.Open(c)
		}
		if c.stops.Load()&stopFresh != 0 {
			c.stops.And(^uint32(stopFresh))
		}
	case opMessage:
		switch {
		case c.stops.Load()&stopEnd != 0:
		case h.Message != nil:
			h.Message(c, Message{Kind: it.kind, Data: it.data})
		case h.Fragment != nil:
			h.Fragment(c, Fragment{Kind: it.kind, Last: it.last, Data: it.data})
		}
	case opPing:
		h.Ping(c, it.data)
	case opPong:
		h.Pong(c, it.data)
	case opDrain:
		if h.Drain != nil {
			h.Drain(c)
		}
	case opDrop:
		if c.stops.Load()&stopTold != 0 {
			return // it was refused while the connection ended
		}
		h.Drop(c, Message{Kind: it.kind, Data: it.data})
	case opPeerClose:
		c.answerClose()
	case opViolation:
		c.shut(&CloseError{Code: it.code, Reason: it.text, Err: it.err}, frameThenLinger)
	case opEOF:
		c.shut(&CloseError{Code: StatusAbnormalClosure, Peer: true, Err: endCause(nil)}, noFrame)
	case opDone:
		it.done(it.err)
	case opFunc:
		it.f()
	case opClose:
		c.stops.Or(stopTold)
		if in := c.intake(); in != nil {
			in.finish(it.err)
		}
		if h.Close != nil {
			h.Close(c, it.err)
		}
	}
}

// With -tags invariants what is lent to a callback is a copy half of the time,
// and is ruined when the callback returns, so that a program that keeps it is
// found out.

func sample(b []byte) []byte {
	if rand.Uint32()&1 == 0 {
		return bytes.Clone(b)
	}
	return b
}

func ruin(b []byte) {
	for i := range b {
		b[i] = 0xCC
	}
}

// panicked closes c after a panic of one of its callbacks.
func (c *Conn) panicked(r any) {
	co := c.route.core
	co.panics.Add(1)
	co.Log.Error("engine: a callback panicked", "conn", c.id, "remote", c.RemoteAddr(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	c.shut(&CloseError{Code: StatusInternalError, Err: ErrPanic}, frame)
}

// Do runs f in turn with c's callbacks: never at the same time as one of them,
// after those that wait. It may be called from any goroutine, does not wait
// for f, and returns net.ErrClosed if f will not run because c's engine was
// closed. f may run after the Close callback. A panic of f is contained like
// a callback's.
func (c *Conn) Do(f func()) error {
	if !c.post(item{op: opFunc, f: f}) {
		return errClosed
	}
	return nil
}
