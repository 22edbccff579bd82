package bench

import (
	"context"
	"strconv"
)

// ConnectOptions are the options of [Connect]. Of Load only Duration and Warmup count.
type ConnectOptions struct {
	Target // Dialing is how many handshakes are kept under way
	Load
}

// Connect opens connections one after the other, keeps Dialing handshakes under
// way, checks each answer, and resets each connection as soon as it is open: all
// that is measured is connect, upgrade and the end. A latency runs from connect to
// the 101.
//
// It blocks until the scenario is over. A handshake that fails ends it; for the
// errors see [Echo].
func Connect(ctx context.Context, o ConnectOptions) (*Result, error) {
	if err := o.Load.defaults(); err != nil {
		return nil, err
	}
	orDefault(&o.Dialing, defaultDialing)
	e, err := o.resolve(o.Dialing, true)
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(ctx, e, nil)
	if err != nil {
		return nil, err
	}
	defer g.close()
	s := &connectScene{strict: strict{g}, meter: newMeter(g, "handshake")}
	settings := []Setting{{"under way", strconv.Itoa(o.Dialing)}, {"source addresses", strconv.Itoa(e.Sources)}}
	step := func(now int64) (wake int64) {
		for g.dialing < g.Dialing && g.err == nil {
			g.dial(s, now)
		}
		return now + lookEvery
	}
	if err := s.meter.run(&o.Load, step); err != nil {
		return s.meter.partial("connect", settings), err
	}
	return s.meter.result("connect", settings), nil
}

// connectScene resets each connection that opens.
type connectScene struct {
	strict
	meter *meter
}

func (s *connectScene) opened(c *conn, now int64) {
	s.meter.count++
	s.meter.observe(now - c.began)
	c.reset(now)
}

func (s *connectScene) lost(c *conn, err error, now int64) {
	if err != nil {
		s.strict.lost(c, err, now)
	}
}
