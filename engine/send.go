package engine

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

var errClosed = net.ErrClosed

// SendOptions are what one message may ask for.
type SendOptions struct {
	// More says that further fragments of the message follow: ws's fin: false.
	// The next data frame that is sent is a fragment of the same message,
	// whatever its Kind, until one without More ends it: where several goroutines
	// send, use [Conn.Writer], which keeps others out. A fragment is never
	// dropped: one that a full backlog refuses may be sent again.
	More bool
	// Done, if not nil, is called once, in turn with c's callbacks: with nil
	// when the message has been written to the socket, or with an error when
	// it never will be. It is not called when the send itself failed.
	Done func(error)
	// Compress says whether the message is compressed; CompressAuto. A message
	// in fragments never is.
	Compress Compress

	by *Writer // whose fragment it is
}

// Send queues one message. data is copied. It may be called from any goroutine
// and does not block. The error is nil: accepted, and Backlog > 0 says that it
// waits; ErrBacklogFull: refused, as Overflow says; or net.ErrClosed once c is
// closing.
func (c *Conn) Send(k Kind, data []byte) error {
	if !k.valid() || c.route.agreement != 0 {
		return c.send(k, data, SendOptions{})
	}
	c.mu.Lock()
	if c.gather(k, data) {
		c.mu.Unlock()
		return nil
	}
	_, err := c.commit(k, data, nil, SendOptions{})
	return err
}

// gather queues a small message behind others that wait for nothing but their
// turn: what commit comes to for most replies, in fewer steps. It returns false,
// and has done nothing, for all else. mu is held.
func (c *Conn) gather(k Kind, data []byte) bool {
	if c.state != Open || c.out == nil || c.blocked || c.fragmented || c.client() {
		return false
	}
	m := c.manner()
	if c.laden(m) {
		return false
	}
	head := codec.HeaderLen(len(data), false)
	b := c.out.Append(head+len(data), classes[m.overflow], m.age)
	if b == nil {
		return false
	}
	codec.AppendHeader(b[:0], codec.OpCode(k), true, false, len(data), nil)
	copy(b[head:], data)
	c.call()
	return true
}

// SendText is Send of Text, for a string.
func (c *Conn) SendText(s string) error { return c.send(Text, []byte(s), SendOptions{}) }

// SendWith is Send with options.
func (c *Conn) SendWith(k Kind, data []byte, o SendOptions) error {
	return c.send(k, data, o)
}

// SendJSON encodes v and sends it as Text. It may be called from any goroutine
// and does not block.
func (c *Conn) SendJSON(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("engine: send: %w", err)
	}
	return c.send(Text, b, SendOptions{})
}

// SendPrepared queues a message that was encoded before, without copying it.
// It may be called from any goroutine and does not block; errors are those of
// Send.
func (c *Conn) SendPrepared(p *Prepared) error {
	f := p.form(c)
	c.mu.Lock()
	if c.client() || c.fragmented { // every client frame has a mask of its own; or it is the last fragment
		var packed []byte
		if f != nil {
			packed = f.payload()
		}
		return c.commitForeign(p.kind, p.payload(), packed)
	}
	m := c.manner()
	if err := c.admit(p.kind, p.payload(), m, true); err != nil {
		return err
	}
	frame := p.frame
	if f != nil {
		frame = f.frame
		c.sentForeign()
	}
	c.queue().Share(nil, frame, m.terms(nil))
	c.depart()
	return nil
}

func (c *Conn) send(k Kind, data []byte, o SendOptions) error {
	if !k.valid() {
		return fmt.Errorf("engine: send: %v is neither Text nor Binary", k)
	}
	if c.route.agreement != 0 {
		return c.sendAgreed(k, data, o)
	}
	c.mu.Lock()
	_, err := c.commit(k, data, nil, o)
	return err
}

// commit queues a message or a fragment, or writes it. packed is data
// compressed, or nil; packedSent says that it is what was queued. mu is held,
// and released.
func (c *Conn) commit(k Kind, data, packed []byte, o SendOptions) (packedSent bool, err error) {
	op, m, whole := codec.OpCode(k), c.manner(), !o.More && !c.fragmented
	if c.fragmented {
		if c.more != nil && c.more.writer != o.by {
			return false, c.holdSend(k, data, o)
		}
		op = codec.OpContinuation
	}
	if err := c.admit(k, data, m, whole); err != nil {
		return false, err
	}
	c.fragmented = o.More
	if o.by != nil {
		c.more.writer = nil
		if o.More {
			c.more.writer = o.by
		}
	}
	if packed != nil && whole {
		data, packedSent = packed, true
	}
	if len(data) < directBytes || !c.direct(op, !o.More, packedSent, data, o.Done) {
		t := m.terms(o.Done)
		if !whole {
			t.Class, t.Age = sendq.Fragment, 0
		}
		c.enqueue(op, !o.More, packedSent, data, t)
	}
	if op == codec.OpContinuation && !o.More {
		c.releaseHeld()
		c.tellRoom()
	}
	c.depart()
	return packedSent, nil
}

// queue returns what the next frame is added to. mu is held.
func (c *Conn) queue() *sendq.Queue {
	if c.out == nil {
		if c.sock.Loop() == nil { // not attached yet
			c.out = sendq.New(nil)
			return c.out
		}
		l := c.loop()
		c.out = sendq.New(&l.ledger.kept)
		if c.blocked { // all that waited was dropped
			c.out.Hold(l.time.Load())
		}
	}
	return c.out
}

// enqueue encodes one frame behind what waits. mu is held.
func (c *Conn) enqueue(op codec.OpCode, fin, packed bool, payload []byte, t sendq.Terms) {
	q := c.queue()
	if !c.client() {
		b := q.Reserve(codec.HeaderLen(len(payload), false) + len(payload))
		b = codec.AppendHeader(b, op, fin, packed, len(payload), nil)
		q.Commit(append(b, payload...), t)
		return
	}
	mask := newMask()
	b := q.Reserve(codec.HeaderLen(len(payload), true) + len(payload))
	b = codec.AppendHeader(b, op, fin, packed, len(payload), &mask)
	at := len(b)
	b = append(b, payload...)
	codec.Mask(b[at:], mask, 0)
	q.Commit(b, t)
}

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

// Ping sends a ping with up to 125 bytes of payload, which are copied. It may
// be called from any goroutine and does not block.
func (c *Conn) Ping(payload []byte) error { return c.control(codec.OpPing, payload) }

// Pong sends an unsolicited pong with up to 125 bytes of payload, which are
// copied: RFC 6455, 5.5.3. Pings are answered by themselves. It may be called
// from any goroutine and does not block.
func (c *Conn) Pong(payload []byte) error { return c.control(codec.OpPong, payload) }

func (c *Conn) control(op codec.OpCode, payload []byte) error {
	if len(payload) > maxControlBytes {
		return ErrTooBig
	}
	c.mu.Lock()
	if c.state != Open {
		c.mu.Unlock()
		return errClosed
	}
	if c.out != nil && c.out.Controls() >= maxControlFrames {
		c.mu.Unlock()
		return ErrBacklogFull
	}
	c.enqueue(op, true, false, payload, sendq.Terms{Class: sendq.Control})
	c.depart()
	return nil
}

// answerPing sends the pong that a ping asks for, until the peer has closed:
// RFC 6455, 5.5.2. While the socket takes nothing only the newest waits: 5.5.3.
func (c *Conn) answerPing(payload []byte) {
	c.mu.Lock()
	if c.state != Open && (c.state != Closing || c.got || c.linger || c.broken || c.killed) {
		c.mu.Unlock()
		return
	}
	class := sendq.Control
	if c.blocked {
		class = sendq.Pong
	}
	c.enqueue(codec.OpPong, true, false, payload, sendq.Terms{Class: class})
	c.depart()
}
