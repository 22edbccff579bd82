package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// clock counts the ticks since an engine began: every deadline is counted in
// them, and no connection has a timer.
type clock struct {
	ticks  atomic.Uint32
	ticked atomic.Int64  // ns from the start to the last step that woke a loop
	roused chan struct{} // holds one: a loop does not rest any more

	mu   sync.Mutex // guards the following
	last time.Time  // of the last step
}

// step moves the clock to now.
func (k *clock) step(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	passed := now.Sub(k.last) / tick
	k.last = k.last.Add(passed * tick)
	k.ticks.Add(uint32(passed))
}

// runClock moves the clock, and the loops with it, until quit is closed. Loops
// that rest are woken less often, and it sleeps longer when all of them do.
func (co *core) runClock() {
	defer close(co.clockDone)
	t, memory := time.NewTimer(tick), newPressure()
	defer t.Stop()
	for {
		select {
		case <-co.quit:
			return
		case <-co.clock.roused:
		case <-t.C:
			co.clock.step(time.Now())
			co.clock.ticked.Store(int64(time.Since(co.start)))
			co.press(memory.look())
		}
		t.Reset(co.beat())
	}
}

// beat wakes the loops whose time it is, and returns how long to sleep.
func (co *core) beat() time.Duration {
	pause, now := restTicks*tick, co.clock.ticks.Load()
	co.eachLoop(func(l *loop) {
		after := uint32(restTicks)
		if !l.rests.Load() {
			after, pause = 1, tick
		}
		if now-l.heard.Load() >= after {
			l.poll.Wake()
		}
	})
	return pause
}

// catchUp moves the loop's time to the clock's. A jump counts for little: it is
// the process that stood still, and not its peers.
func (l *loop) catchUp(rested bool) {
	now := l.core.clock.ticks.Load()
	passed := now - l.clock
	if passed == 0 {
		return
	}
	l.clock = now
	l.heard.Store(now)
	ticked, most := l.core.clock.ticked.Load(), uint32(stallTicks)
	switch {
	case rested: // it was not woken for every step
		most += restTicks
	case ticked != l.ticked:
		l.count.lag.add(time.Since(l.core.start) - time.Duration(ticked))
	}
	l.ticked = ticked
	l.now += min(passed, most)
	l.time.Store(l.now)
}

// tick does what is to be done as time goes by. It reports whether there was a
// step.
func (l *loop) tick() (moved bool) {
	rests := l.rests.Load()
	if rests {
		l.core.clock.step(time.Now())
	}
	l.catchUp(rests)
	passed := l.now - l.wheel.Now()
	if passed == 0 {
		return false
	}
	l.wheel.Advance(l.now, l.expire)
	l.calm(passed)
	l.tell()
	l.patrol()
	l.rest()
	return true
}

// rest has the clock leave the loop alone for longer, if nothing has happened
// since the last tick and nothing is to be done in the next ones.
func (l *loop) rest() {
	idle := !l.stirred && len(l.watched) == 0 && len(l.noisy) == 0
	l.stirred = false
	if next, some := l.wheel.Next(); some && int32(next-l.now) <= restTicks {
		idle = false
	}
	switch {
	case !idle && l.rests.Load():
		l.rouse()
	case idle:
		l.rests.Store(true)
	}
}

// stir says that something happens on the loop, before its time is looked at:
// that of a loop which rests may be old.
func (l *loop) stir() {
	l.stirred = true
	if l.rests.Load() {
		l.core.clock.step(time.Now())
		l.catchUp(true)
		l.rouse()
		l.poll.Wake() // what has come due is done in a turn of its own
	}
}

// rouse ends a rest: from now on the clock wakes the loop at every step.
func (l *loop) rouse() {
	l.rests.Store(false)
	select {
	case l.core.clock.roused <- struct{}{}:
	default: // it is told already
	}
}

// behind is for how long the loop has not done what the clock asked of it. It
// may be called from any goroutine.
func (l *loop) behind() time.Duration {
	ticks := l.core.clock.ticks.Load() - l.heard.Load()
	if l.rests.Load() {
		ticks -= min(ticks, restTicks)
	}
	return time.Duration(ticks) * tick
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
