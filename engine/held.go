package engine

import "github.com/weirws/weir/engine/internal/sendq"

// The publications, and with a Writer all messages, that come while a connection
// is sending a fragmented message wait in a queue of their own until that message
// is whole: RFC 6455, 5.4, lets no other come between.

// holdBack keeps p for c, as far as m lets it wait. c.mu is held, and released.
func (p *post) holdBack(l *loop, c *Conn, m manner) bool {
	more := c.extend()
	if more.held == nil {
		more.held = sendq.New(&l.ledger.kept)
		more.held.Hold(l.time.Load())
	}
	q := more.held
	before, keyed := q.Dropped(), p.keyed(c, m)
	if (!keyed || !p.replaces(c, q, &p.asIs, m)) && !p.fits(l, c, q, m) {
		p.lost++
		return false
	}
	p.share(l, c, q, &p.asIs, m, keyed) // it goes as it is
	p.lost += uint64(q.Dropped() - before)
	c.mu.Unlock()
	return true
}

// fits makes room in q, and reports whether there is some. c.mu is held, and is
// released if the answer is no.
func (p *post) fits(l *loop, c *Conn, q *sendq.Queue, m manner) bool {
	bytes, frames := m.bounds(&l.core.settings)
	for brim := l.weigh() == levelBrim; brim || bytes > 0 && (q.Bytes() >= bytes || q.Len() >= frames); {
		switch {
		case m.overflow == DropNewest:
		case !brim && q.Evict(ErrBacklogFull, (*witness)(c)) > 0:
			continue
		case m.overflow != DropOldest:
			c.tooSlow(l)
			return false
		}
		_ = c.refuseNewest(l, p.kind, p.payload(), true) // it is counted
		return false
	}
	return true
}

// releaseHeld queues what holdBack kept. mu is held.
func (c *Conn) releaseHeld() {
	if c.more != nil && c.more.held != nil {
		c.queue().Follow(c.more.held, (*witness)(c))
		c.dropHeld(errClosed)
	}
}

// dropHeld frees what is held, and has the senders told why. mu is held.
func (c *Conn) dropHeld(why error) {
	for _, o := range c.giveUpHeld(why) {
		c.post(item{op: opDone, done: o.Done, err: o.Err})
	}
}

// giveUpHeld frees what is held, and returns what its senders are to be told.
// mu is held.
func (c *Conn) giveUpHeld(why error) []sendq.Outcome {
	m := c.more
	if m == nil || m.held == nil {
		return nil
	}
	m.held.Clear(why)
	outcomes := m.held.Finished()
	m.held.Free()
	m.held = nil
	return outcomes
}
