package engine

import (
	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// held are the publications that wait until the fragmented message that their
// connection is sending is whole: RFC 6455, 5.4, lets no other come between.
type held struct {
	posts []post // each holds a reference
	bytes int
}

// holdBack keeps p for c, unless MaxBacklogBytes wait like that already. c.mu
// is held.
func (p *post) holdBack(l *loop, c *Conn) bool {
	h := &c.extend().held
	if limit := l.core.MaxBacklogBytes; limit > 0 && h.bytes >= limit {
		l.count.drops.Add(1)
		c.tellDrop(p.kind, p.buf.B[p.head:])
		return false
	}
	p.buf.Retain()
	h.posts = append(h.posts, *p)
	h.bytes += len(p.buf.B)
	return true
}

// releaseHeld queues what holdBack kept. mu is held.
func (c *Conn) releaseHeld() {
	if c.more == nil {
		return
	}
	for _, p := range c.more.held.posts {
		p.enter(c)
		p.buf.Release()
	}
	c.more.held = held{}
}

// giveUp frees what is held.
func (h *held) giveUp() {
	for _, p := range h.posts {
		p.buf.Release()
	}
	*h = held{}
}

// enter queues the frame of p for c. c.mu is held.
func (p *post) enter(c *Conn) {
	if c.client() {
		c.enqueue(codec.OpCode(p.kind), true, p.buf.B[p.head:], sendq.Data, nil)
		return
	}
	c.queue().Share(p.buf.Retain(), p.buf.B, sendq.Data, nil)
}
