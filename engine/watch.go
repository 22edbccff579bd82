package engine

// Some connections hold memory for as long as their peers want: those whose
// socket takes nothing, those with half a message, those that have the window of
// what they sent, and those of which something was received that nobody has read.
// A loop has a list of them and of no others, and looks at each once a second at
// least, so that a million connections at rest cost a tick nothing.

// watch puts c on the list. It is called on the loop with c.mu held, while c is
// not watched.
func (l *loop) watch(c *Conn) {
	c.watched = true
	l.mu.Lock()
	l.watched = append(l.watched, c)
	l.mu.Unlock()
}

// patrol looks at as many of the watched as is their turn.
func (l *loop) patrol() {
	for range max(min(len(l.watched), patrolMin), len(l.watched)/patrolTicks) {
		if l.looked >= len(l.watched) {
			l.looked = 0
			l.worst.Store(l.sofar)
			l.sofar = 0
		}
		c := l.watched[l.looked]
		if !c.inspect(l) {
			l.unwatch(l.looked)
			continue
		}
		l.looked++
		if l.strained {
			l.sofar = max(l.sofar, c.burden(l))
		}
	}
}

// unwatch takes the connection at a place off the list.
func (l *loop) unwatch(at int) {
	l.mu.Lock()
	last := len(l.watched) - 1
	l.watched[at] = l.watched[last]
	l.watched[last] = nil
	l.watched = l.watched[:last]
	if cap(l.watched) > 1024 && last < cap(l.watched)/4 {
		l.watched = append(make([]*Conn, 0, cap(l.watched)/2), l.watched...)
	}
	l.mu.Unlock()
}

// inspect looks at c, and reports whether it is to be watched on. It is called
// on the loop.
func (c *Conn) inspect(l *loop) bool {
	c.mu.Lock()
	if c.state == Open && c.blocked && c.out != nil && c.out.Expire(l.now, ErrTimeout, (*witness)(c)) {
		c.tooSlow(l)
		return true
	}
	blocked, closed := c.blocked, c.state == Closed
	bulky := blocked && c.bulky(l)
	if !closed {
		c.weary(l)
	}
	c.watched = !closed && (blocked || c.in != nil || c.windowed() || c.holdsUnread())
	watched := c.watched
	c.mu.Unlock()
	if closed {
		return false
	}
	c.strain(l, blocked)
	if bulky || !blocked && c.stuck(l) {
		c.shed(l)
	}
	c.hurry(l)
	return watched
}
