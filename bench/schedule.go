package bench

import "fmt"

// What bounds the rates of an open loop.
const (
	maxPerSecond = 1e8
	minPerSecond = 1e-6
	maxBurst     = 256 // messages that are sent before anything is read, however many are due
)

// checkRate refuses a rate that no clock can keep; 0 is left to the caller.
func checkRate(name string, perSecond float64) error {
	if perSecond == 0 || perSecond >= minPerSecond && perSecond <= maxPerSecond {
		return nil
	}
	return fmt.Errorf("bench: %s is %v: it is from %v to %v", name, perSecond, minPerSecond, maxPerSecond)
}

// schedule has message k sent at start + k × interval. When a message should have
// been sent is therefore known from its number alone, and nothing has to be stored
// for those that wait.
type schedule struct {
	interval float64 // nanoseconds between messages; 0: there is no schedule
	start    int64   // of message 0
	from, to int64   // messages meant to be sent in between are recorded
	sent     int64   // messages so far
	lag      recorder
}

func newSchedule(perSecond float64) schedule {
	return schedule{interval: 1e9 / perSecond, lag: newRecorder()}
}

// begin sets the clock of the load.
func (s *schedule) begin(l *Load, now int64) {
	s.start = now
	s.from = s.start + int64(l.Warmup)
	s.to = s.from + int64(l.Duration)
}

// intended is when message k should be sent.
func (s *schedule) intended(k int64) int64 { return s.start + int64(float64(k)*s.interval) }

// late is how late message k is at now; ok is false when it is outside of the window.
func (s *schedule) late(k, now int64) (nanos int64, ok bool) {
	at := s.intended(k)
	return now - at, at >= s.from && at < s.to
}

// step has what is due sent, and returns when it wants to be called again. It looks
// at the clock for each message: sending takes time, too.
func (s *schedule) step(g *generator, now int64, send func(k, now int64)) (wake int64) {
	for range maxBurst {
		at := s.intended(s.sent)
		if at >= s.to {
			return now + lookEvery
		}
		if at > now {
			return at
		}
		now = g.clock.now()
		if at >= s.from {
			s.lag.record(now - at)
		}
		s.sent++
		send(s.sent-1, now)
		if g.err != nil {
			return now
		}
	}
	return now
}

// finish has the rest sent of what was meant for the window, and waits for what is owed.
func (s *schedule) finish(g *generator, step func(now int64) (wake int64)) error {
	err := g.run(func(now int64) (int64, bool) { return step(now), s.intended(s.sent) >= s.to })
	if err != nil {
		return err
	}
	return g.drain()
}

// addLag adds the generator's own lateness to r, which may be nil.
func (s *schedule) addLag(r *Result) *Result {
	if r != nil && s.interval > 0 {
		r.Lag = s.lag.latency()
	}
	return r
}
