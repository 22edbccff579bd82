package engine

import (
	"sync"
	"unsafe"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// inbound is the input of a connection that is not complete: half a head, half
// a frame, half a message, or bytes that wait because reading stopped. A loop
// has one to work with; a connection keeps it only as long as something of its
// own is in it.
type inbound struct {
	dec  codec.Decoder
	cfg  *codec.Config // what dec obeys; nil: it must be Reset before use
	held *pool.Buffer  // memory of the incomplete message
	rest *pool.Buffer  // bytes not looked at yet
	head codec.HeadScan
	junk int // bytes that came when none counted any more

	progress progress

	loop    *loop  // whose ledger its memory is charged to
	since   uint32 // tick at which it became a connection's
	stopped uint32 // tick at which the connection was restrained last
	kept    bool   // it is a connection's, and charged itself
	// doomed is true when it grew although there was no memory for it.
	doomed bool
	// direct is true after Room: the next bytes are in the message's memory.
	direct bool
}

// inboundBytes is the size of an inbound.
const inboundBytes = int64(unsafe.Sizeof(inbound{}))

var inbounds = sync.Pool{New: func() any { return new(inbound) }}

var _ codec.Store = (*inbound)(nil)

// Grow lends the decoder the memory of an incomplete message.
func (in *inbound) Grow(b []byte, need int) []byte {
	grown := in.loop.ledger.lent.Get(need)
	grown.B = append(grown.B, b...)
	if in.held != nil {
		in.held.Release()
	}
	in.held = grown
	in.grew()
	return grown.B
}

// grew makes room in the budget for what was taken, at the cost of those that
// hold more, or of the connection that is being read.
func (in *inbound) grew() {
	l := in.loop
	if l.weigh() < levelHard {
		return
	}
	l.shed(false)
	in.doomed = l.weigh() == levelBrim
}

// bytes is what in holds.
func (in *inbound) bytes() int {
	n := int(inboundBytes)
	if in.held != nil {
		n += cap(in.held.B)
	}
	if in.rest != nil {
		n += cap(in.rest.B)
	}
	return n
}

// take hands over the memory of the message that is complete.
func (in *inbound) take() *pool.Buffer {
	b := in.held
	in.held = nil
	return b
}

// stash keeps b, which was not looked at, behind what is kept already.
func (in *inbound) stash(b []byte) {
	if len(b) == 0 {
		return
	}
	if in.rest == nil {
		in.rest = in.loop.ledger.lent.Get(len(b))
	} else if cap(in.rest.B)-len(in.rest.B) < len(b) {
		grown := in.loop.ledger.lent.Get(len(in.rest.B) + len(b))
		grown.B = append(grown.B, in.rest.B...)
		in.rest.Release()
		in.rest = grown
	}
	in.rest.B = append(in.rest.B, b...)
	in.grew()
}

// unstash hands over what stash kept.
func (in *inbound) unstash() *pool.Buffer {
	b := in.rest
	in.rest = nil
	return b
}

// idle reports whether nothing in it would be missed.
func (in *inbound) idle() bool {
	return in.rest == nil && in.dec.Idle()
}

// drop gives all memory back.
func (in *inbound) drop() {
	in.dec.Take()
	in.cfg = nil
	if b := in.take(); b != nil {
		b.Release()
	}
	if b := in.unstash(); b != nil {
		b.Release()
	}
	in.direct, in.doomed, in.junk = false, false, 0
}

// home gives in back, which holds nothing.
func (in *inbound) home() {
	if in.kept {
		in.kept = false
		in.loop.ledger.kept.Add(-inboundBytes)
	}
	in.loop = nil
	inbounds.Put(in)
}

// adopt leaves in with c.
func (l *loop) adopt(c *Conn, in *inbound) {
	c.in = in
	if in.kept {
		return
	}
	in.kept, in.since = true, l.now
	l.ledger.kept.Add(inboundBytes)
	c.mu.Lock()
	if !c.watched {
		l.watch(c)
	}
	c.mu.Unlock()
}

// begin returns the inbound to decode c's bytes with.
func (l *loop) begin(c *Conn) *inbound {
	in := c.in
	if in == nil {
		in = l.scratch
		in.loop = l
	}
	if in.cfg != &c.route.codec {
		in.cfg = &c.route.codec
		in.dec.Reset(in.cfg, in)
	}
	return in
}

// finish leaves in with c if something of c's is in it, and takes it back
// otherwise.
func (l *loop) finish(c *Conn, in *inbound) {
	if c.phase >= phaseDone {
		in.drop()
	} else if !in.idle() {
		if in == l.scratch {
			l.scratch = inbounds.Get().(*inbound)
		}
		l.adopt(c, in)
		return
	}
	in.doomed = false
	if in != l.scratch {
		in.home()
	}
	c.in = nil
}
