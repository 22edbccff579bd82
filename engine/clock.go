package engine

import (
	"time"
)

// runClock moves the engine's clock until quit is closed. Deadlines are
// counted in its ticks; no connection has a timer. While there is no
// connection it rests, so that the first one does not find loops that are
// behind.
func (co *core) runClock() {
	defer close(co.clockDone)
	t := time.NewTicker(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-co.quit:
			return
		case now := <-t.C:
			passed := now.Sub(last) / tick
			last = last.Add(passed * tick)
			if co.sockets.Load() > 0 {
				co.clock.Add(uint32(passed))
				co.ticked.Store(int64(time.Since(co.start)))
				co.eachLoop(func(l *loop) { l.poll.Wake() })
			}
		}
	}
}

// tick moves the loop's time to the clock's. A jump counts for little: it is
// the process that stood still, and not its peers. It reports whether there was a
// step.
func (l *loop) tick() (moved bool) {
	clock := l.core.clock.Load()
	passed := clock - l.clock
	if passed == 0 {
		return false
	}
	l.clock = clock
	l.heard.Store(clock)
	if ticked := l.core.ticked.Load(); ticked != l.ticked {
		l.ticked = ticked
		l.count.lag.add(time.Since(l.core.start) - time.Duration(ticked))
	}
	l.now += min(passed, stallTicks)
	l.time.Store(l.now)
	l.wheel.Advance(l.now, l.expire)
	l.calm(min(passed, stallTicks))
	l.tell()
	l.patrol()
	return true
}

// reached reports whether tick at is now or past.
func (l *loop) reached(at uint32) bool { return int32(l.now-at) >= 0 }

// expired looks at c because a deadline of its came.
func (l *loop) expired(c *Conn) {
	if !c.answered || c.closing {
		if !l.reached(c.due) {
			l.wheel.Set(c, c.due)
			return
		}
		l.count.timeouts.Add(1)
		c.teardown(l, &CloseError{Code: StatusAbnormalClosure, Err: ErrTimeout})
		return
	}
	if c.held {
		c.seen, c.said = l.now, l.now // we don't listen
	}
	s := &l.core.settings
	switch {
	case s.lifetime != 0 && l.reached(c.born+s.lifetime):
		c.shut(&CloseError{Code: StatusGoingAway, Reason: "lifetime"}, frame)
		return
	case s.idle != 0 && l.reached(c.said+s.idle):
		c.shut(&CloseError{Code: StatusNormalClosure, Reason: "idle"}, frame)
		return
	case s.keepAlive != 0 && !c.keptAlive(l):
		return
	}
	l.schedule(c)
}

// keptAlive pings a peer that is silent, and reports false if it did not
// answer the last time.
func (c *Conn) keptAlive(l *loop) bool {
	every := l.core.keepAlive
	if c.pinged && l.reached(c.seen+2*every) {
		l.count.timeouts.Add(1)
		c.teardown(l, &CloseError{Code: StatusAbnormalClosure, Err: ErrTimeout})
		return false
	}
	if !c.pinged && l.reached(c.seen+every) {
		c.pinged = true
		_ = c.Ping(nil) // a connection that is closing needs none
	}
	return true
}

// schedule sets the deadline of an open connection that comes first.
func (l *loop) schedule(c *Conn) {
	s := &l.core.settings
	var next uint32
	for _, d := range [...]struct {
		every bool
		at    uint32
	}{
		{!c.answered, c.due},
		{s.lifetime != 0, c.born + s.lifetime},
		{s.idle != 0, c.said + s.idle},
		{s.keepAlive != 0 && !c.pinged, c.seen + s.keepAlive},
		{s.keepAlive != 0 && c.pinged, c.seen + 2*s.keepAlive},
	} {
		if d.every && (next == 0 || int32(d.at-next) < 0) {
			next = d.at
		}
	}
	if next != 0 {
		l.wheel.Set(c, next)
	}
}
