package poller

// What Attach was given waits on the loop until the Handler may have it: a few connections for a
// moment each, so it has no place in Conn.

// keepEarly holds early for c.
func (l *Loop) keepEarly(c *Conn, early []byte) {
	if l.early == nil {
		l.early = make(map[*Conn][]byte)
	}
	l.early[c] = early
	c.flags.Or(connEarly)
}

// takeEarly returns and forgets what is held for c.
func (l *Loop) takeEarly(c *Conn) []byte {
	if c.flags.Load()&connEarly == 0 {
		return nil
	}
	c.flags.And(^uint32(connEarly))
	early := l.early[c]
	delete(l.early, c)
	return early
}

// giveEarly calls Data with it, or with as much as Room holds.
func (c *Conn) giveEarly() {
	part, rest := c.portion(c.loop.takeEarly(c))
	if len(rest) > 0 {
		c.loop.keepEarly(c, rest)
	}
	c.handler.Data(part)
}

// portion returns what one Data is to have of b, which was read already: all of it, or a copy where
// Room says.
func (c *Conn) portion(b []byte) (part, rest []byte) {
	if c.flags.Load()&connInto != 0 {
		if room := c.handler.Room(); len(room) > 0 {
			n := copy(room, b)
			return room[:n], b[n:]
		}
	}
	return b, nil
}
