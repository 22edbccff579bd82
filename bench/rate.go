package bench

import (
	"context"
	"errors"
	"strconv"
)

// RateOptions are the options of [Rate].
type RateOptions struct {
	Target
	Load
	Conns     int     // connections, which take turns; 1000
	PerSecond float64 // messages over all of them; 10000
}

// maxPerSecond bounds the rates of an open loop.
const maxPerSecond = 1e8

// Rate sends messages at a fixed rate, however long the answers take: an open
// loop, as the users of a server are. Each latency counts from the time at which
// the message should have been sent, so that a server that stalls is charged for
// every message that had to wait meanwhile (no coordinated omission). Result.Lag is
// the part of it that the generator is to blame for.
//
// It blocks until the scenario is over. A server that cannot keep up ends it with
// an error that counts the missing messages, beside a Result in which each of them
// has the time it had waited by then. See [Echo] for the other errors.
func Rate(ctx context.Context, o RateOptions) (*Result, error) {
	orDefault(&o.Conns, 1000)
	orDefault(&o.PerSecond, 10_000)
	if o.Conns < 0 || o.PerSecond < 0 || o.PerSecond > maxPerSecond {
		return nil, errors.New("bench: Conns and PerSecond are not negative, and PerSecond is at most 1e8")
	}
	if err := o.Load.defaults(); err != nil {
		return nil, err
	}
	e, err := o.resolve(o.Conns, false)
	if err != nil {
		return nil, err
	}
	f, err := o.frames(o.Compression)
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(ctx, e, f)
	if err != nil {
		return nil, err
	}
	defer g.close()
	s := newRateScene(g, o.PerSecond)
	if s.conns, err = g.dialAll(nil, o.Conns, s); err != nil {
		return nil, err
	}
	settings := append([]Setting{
		{"connections", strconv.Itoa(o.Conns)},
		{"rate", number(o.PerSecond) + " messages/s"},
	}, o.Load.settings()...)
	s.begin(&o.Load)
	if err := s.meter.run(&o.Load, s.step); err != nil {
		return s.partial("rate", settings), err
	}
	err = g.drain()
	s.chargeMissing()
	return s.result("rate", settings), err
}

// rateScene sends message k at start + k × interval on connection k mod n. When a
// message should have been sent is therefore known from its number alone, and
// nothing has to be stored for those that wait.
type rateScene struct {
	strict
	meter    *meter
	conns    []*conn
	interval float64 // nanoseconds between messages
	start    int64   // of message 0
	from, to int64   // messages meant to be sent in between are recorded
	sent     int64   // messages so far
	lag      recorder
}

func newRateScene(g *generator, perSecond float64) *rateScene {
	return &rateScene{strict: strict{g}, meter: newMeter(g, "message"), interval: 1e9 / perSecond, lag: newRecorder()}
}

// begin sets the clock of the load.
func (s *rateScene) begin(l *Load) {
	s.start = s.g.clock.now()
	s.from = s.start + int64(l.Warmup)
	s.to = s.from + int64(l.Duration)
}

// intended is when message k should be sent.
func (s *rateScene) intended(k int64) int64 { return s.start + int64(float64(k)*s.interval) }

// step sends what is due.
func (s *rateScene) step(now int64) (wake int64) {
	for {
		at := s.intended(s.sent)
		if at >= s.to {
			return now + lookEvery
		}
		if at > now {
			return at
		}
		if at >= s.from {
			s.lag.record(now - at)
		}
		c := s.conns[s.sent%int64(len(s.conns))]
		s.sent++
		c.push(1, now)
		if s.g.err != nil {
			return now
		}
	}
}

func (s *rateScene) verified(c *conn, n int, now int64) {
	s.meter.count += int64(n)
	for i := c.in.seen - int64(n); i < c.in.seen; i++ {
		s.observe(c, i, now)
	}
}

// observe records message i of c as answered at now.
func (s *rateScene) observe(c *conn, i, now int64) {
	at := s.intended(i*int64(len(s.conns)) + int64(c.id))
	if at >= s.from && at < s.to {
		s.meter.record(now - at)
	}
}

// chargeMissing records what never came with the time that it has waited so far.
func (s *rateScene) chargeMissing() {
	now := s.g.clock.now()
	for _, c := range s.conns {
		for i := range c.owed {
			s.observe(c, c.in.seen+i, now)
		}
	}
}

// result adds the generator's own lateness.
func (s *rateScene) result(scenario string, settings []Setting) *Result {
	r := s.meter.result(scenario, settings)
	r.Lag = s.lag.latency()
	return r
}

// partial does so for a window that ended early.
func (s *rateScene) partial(scenario string, settings []Setting) *Result {
	r := s.meter.partial(scenario, settings)
	if r != nil {
		r.Lag = s.lag.latency()
	}
	return r
}

// number is a figure without an exponent.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
