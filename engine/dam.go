package engine

// Above the brim a peer whose message comes whole still fills one more buffer:
// it waits for a worker. With many peers that has no end, so then none is read.

// dam stops the reading of all open connections of the loop, until the level is
// below the hard mark. It is called on the loop.
func (l *loop) dam() {
	if l.dammed {
		return
	}
	l.dammed = true
	for _, c := range l.open { // changed by the loop alone
		c.dam()
	}
}

// dam stops the reading of c, unless it is closing: then nothing of it is kept.
func (c *Conn) dam() {
	if c.phase == phaseOpen && c.stops.Load()&stopEnd == 0 {
		c.stops.Or(stopBrim)
		c.hold()
	}
}

// undam undoes dam.
func (l *loop) undam() {
	l.dammed = false
	for _, c := range l.open {
		c.unstop(stopBrim)
	}
}
