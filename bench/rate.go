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
	if o.Conns < 0 {
		return nil, errors.New("bench: Conns is negative")
	}
	if err := checkRate("PerSecond", o.PerSecond); err != nil {
		return nil, err
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
	s.begin(&o.Load, g.clock.now())
	if err := s.meter.run(&o.Load, s.step); err != nil {
		return s.partial("rate", settings), err
	}
	err = s.finish(g, s.step)
	s.chargeMissing()
	return s.result("rate", settings), err
}

// rateScene sends message k of its schedule on connection k mod n.
type rateScene struct {
	strict
	schedule
	meter *meter
	conns []*conn
}

func newRateScene(g *generator, perSecond float64) *rateScene {
	return &rateScene{strict: strict{g}, schedule: newSchedule(perSecond), meter: newMeter(g, "message")}
}

// step sends what is due.
func (s *rateScene) step(now int64) (wake int64) {
	return s.schedule.step(s.g, now, func(k, now int64) { s.conns[k%int64(len(s.conns))].push(1, now) })
}

func (s *rateScene) verified(c *conn, n int, now int64) {
	s.meter.count += int64(n)
	for i := c.in.seen - int64(n); i < c.in.seen; i++ {
		s.observe(c, i, now)
	}
}

// observe records message i of c as answered at now.
func (s *rateScene) observe(c *conn, i, now int64) {
	if late, ok := s.late(i*int64(len(s.conns))+int64(c.id), now); ok {
		s.meter.record(late)
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
	return s.addLag(s.meter.result(scenario, settings))
}

// partial does so for a window that ended early.
func (s *rateScene) partial(scenario string, settings []Setting) *Result {
	return s.addLag(s.meter.partial(scenario, settings))
}

// number is a figure without an exponent.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
