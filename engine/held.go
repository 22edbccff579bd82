package engine

import "slices"

// held are the publications that wait until the fragmented message that their
// connection is sending is whole: RFC 6455, 5.4, lets no other come between.
type held struct {
	posts []heldPost
	bytes int
}

// heldPost is one of them, with a reference to its frame.
type heldPost struct {
	post
	manner manner
}

// holdBack keeps p for c, unless MaxBacklogBytes wait like that already. c.mu
// is held, and released.
func (p *post) holdBack(l *loop, c *Conn, m manner) bool {
	h := &c.extend().held
	if m.overflow == Conflate {
		h.conflate(c, p)
	}
	limit := l.core.MaxBacklogBytes
	for limit > 0 && h.bytes >= limit {
		if m.overflow == DropNewest || m.overflow == DropOldest && !h.evict(c) {
			_ = c.refuseNewest(l, p.kind, p.payload(), true) // it is counted
			return false
		}
		if m.overflow != DropOldest {
			c.tooSlow(l)
			return false
		}
	}
	p.buf.Retain() // it goes as it is
	h.posts = append(h.posts, heldPost{*p, m})
	h.bytes += len(p.buf.B)
	c.mu.Unlock()
	return true
}

// conflate drops the publication of p's key.
func (h *held) conflate(c *Conn, p *post) {
	h.drop(c, dropConflated, func(o *heldPost) bool { return o.manner.overflow == Conflate && o.key == p.key })
}

// evict drops the oldest publication that may be dropped.
func (h *held) evict(c *Conn) bool {
	return h.drop(c, dropOldest, func(o *heldPost) bool { return o.manner.overflow == DropOldest })
}

// drop drops the first publication that which picks.
func (h *held) drop(c *Conn, why int, which func(*heldPost) bool) bool {
	for i := range h.posts {
		o := &h.posts[i]
		if !which(o) {
			continue
		}
		c.loop().count.drops[why].Add(1)
		c.tellDrop(o.kind, o.payload())
		h.bytes -= len(o.buf.B)
		o.buf.Release()
		h.posts = slices.Delete(h.posts, i, i+1)
		return true
	}
	return false
}

// releaseHeld queues what holdBack kept. mu is held.
func (c *Conn) releaseHeld() {
	if c.more == nil {
		return
	}
	for i := range c.more.held.posts {
		o := &c.more.held.posts[i]
		o.enter(c, &o.asIs, o.manner, o.manner.overflow == Conflate)
		o.buf.Release()
	}
	c.more.held = held{}
}

// giveUp frees what is held.
func (h *held) giveUp() {
	for i := range h.posts {
		h.posts[i].buf.Release()
	}
	*h = held{}
}
