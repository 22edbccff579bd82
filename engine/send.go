package engine

import (
	"encoding/json"
	"fmt"
	"net"

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
