package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

// resting is a connection on fake time whose loop has had nothing to do for a while.
type resting struct {
	s *running
	p *peer
	c *Conn
	l *loop
}

func rest(t *testing.T, h Handler, o Options, test func(*testing.T, *resting)) {
	synctest.Test(t, func(t *testing.T) {
		r := rig{inline: true, loops: 1, streams: true}
		rs := &resting{s: r.make(t, h, &o)}
		rs.p = rs.s.pipe()
		rs.p.shake("/")
		rs.p.nc.SetDeadline(time.Time{})
		rs.c = rs.s.only()
		rs.l = rs.c.loop()
		time.Sleep(rs.l.core.MaxUpgradeTime + 2*restTicks*tick + tick/2) // until then its handshake has a deadline
		synctest.Wait()
		if !rs.l.rests.Load() {
			t.Fatal("the loop does not rest")
		}
		test(t, rs)
	})
}

// late is how many ticks the loop's time was old when bytes were received just now.
func (rs *resting) late() uint32 { return uint32(time.Since(rs.l.core.start)/tick) - rs.c.seen }

// pass lets ticks pass, as the clock does. It is called on the loop.
func (l *loop) pass(ticks uint32) {
	for ; ticks > 0; ticks -= min(ticks, stallTicks) {
		l.core.clock.ticks.Add(min(ticks, stallTicks))
		l.turn()
	}
}

// TestRest: a loop on which nothing happens is woken once in restTicks, and its time is right all the same when
// something does.
func TestRest(t *testing.T) {
	rest(t, echo, Options{KeepAlive: -1}, func(t *testing.T, rs *resting) {
		heard := map[uint32]bool{}
		for range 10 * restTicks {
			time.Sleep(tick)
			synctest.Wait()
			heard[rs.l.heard.Load()] = true
			if b := rs.l.behind(); b != 0 {
				t.Errorf("a loop that rests is %v behind", b)
			}
		}
		if n := len(heard); n < 10 || n > 11 {
			t.Errorf("the loop was woken %d times in %d ticks, want once in %d", n, 10*restTicks, restTicks)
		}
		time.Sleep(7 * tick)
		rs.p.send(opText, []byte("x"))
		rs.p.want(opText, []byte("x"))
		synctest.Wait()
		if n := rs.late(); n != 0 {
			t.Errorf("bytes were received %d ticks ago", n)
		}
		if rs.l.rests.Load() {
			t.Error("the loop rests in the tick of a message")
		}
		for range 5 { // while there are messages, it is woken at each tick
			time.Sleep(tick)
			rs.p.send(opText, []byte("x"))
			rs.p.want(opText, []byte("x"))
			synctest.Wait()
			if n := rs.late(); n > 1 {
				t.Errorf("bytes were received %d ticks ago", n)
			}
		}
	})
}

// TestRestEndsForDeadlines: a deadline is met to the tick, one that comes from another goroutine too.
func TestRestEndsForDeadlines(t *testing.T) {
	const silence = 30 * time.Second
	rest(t, Handler{}, Options{KeepAlive: silence}, func(t *testing.T, rs *resting) {
		seen := time.Duration(rs.c.seen) * tick
		rs.p.want(0x9, nil)
		if at := time.Since(rs.l.core.start); at < seen+silence || at > seen+silence+tick {
			t.Errorf("pinged at %v, after bytes at %v", at, seen)
		}
	})
	rest(t, Handler{}, Options{KeepAlive: -1, CloseTimeout: 300 * time.Millisecond}, func(t *testing.T, rs *resting) {
		begun := time.Now()
		if err := rs.c.Close(StatusNormalClosure, ""); err != nil {
			t.Fatal(err)
		}
		rs.p.wantClose(1000)
		rs.p.gone()
		if took := time.Since(begun); took < 300*time.Millisecond || took > 300*time.Millisecond+2*tick {
			t.Errorf("closed after %v", took)
		}
	})
}
