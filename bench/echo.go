package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// EchoOptions are the options of [Echo].
type EchoOptions struct {
	Target
	Load
	Conns    int   // connections; 100
	InFlight int   // messages under way on each; 1
	Messages int64 // end after so many instead of after Duration; 0: Duration counts
}

// What bounds the messages under way: the time of each is kept.
const (
	maxInFlight = 1 << 16 // on a connection
	maxUnderWay = 1 << 26 // on all
)

// Echo keeps InFlight messages under way on each connection of a server that
// returns what it is sent: a closed loop, which finds out what a message costs.
// Its latencies are those of a server that is never left alone: for those of a
// given load, see [Rate].
//
// It blocks until the scenario is over. A Result that comes with an error is one of
// a window that ended early (the context's error) or of one after which messages
// were missing; any other error comes alone.
func Echo(ctx context.Context, o EchoOptions) (*Result, error) {
	orDefault(&o.Conns, 100)
	orDefault(&o.InFlight, 1)
	if o.Conns < 0 || o.Messages < 0 {
		return nil, errors.New("bench: Conns and Messages are not negative")
	}
	if o.InFlight < 1 || o.InFlight > maxInFlight {
		return nil, errors.New("bench: InFlight is from 1 to 65536")
	}
	if o.Conns > maxUnderWay/o.InFlight {
		return nil, fmt.Errorf("bench: Conns × InFlight is more than %d", maxUnderWay)
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
	s := &echoScene{strict: strict{g}, meter: newMeter(g, "message"), inFlight: o.InFlight,
		times: make([]int64, o.Conns*o.InFlight)}
	conns, err := g.dialAll(nil, o.Conns, s)
	if err != nil {
		return nil, err
	}
	for _, c := range conns {
		s.launch(c, s.inFlight, g.clock.now())
	}
	m := s.meter
	if m.target = o.Messages; m.target > 0 {
		o.Duration = forever
	}
	if err := m.run(&o.Load, idleStep); err != nil {
		return m.partial("echo", o.settings()), err
	}
	s.stopped = true
	return m.result("echo", o.settings()), g.drain()
}

// settings describes the scenario.
func (o *EchoOptions) settings() []Setting {
	return append([]Setting{
		{"connections", strconv.Itoa(o.Conns)},
		{"in flight", strconv.Itoa(o.InFlight)},
	}, o.Load.settings()...)
}

// echoScene sends a message for each that came back.
type echoScene struct {
	strict
	meter    *meter
	inFlight int
	times    []int64 // when each message under way was sent: inFlight per connection, a ring
	stopped  bool    // nothing more is sent
}

// launch sends n messages on c.
func (s *echoScene) launch(c *conn, n int, now int64) {
	ring := s.times[c.id*s.inFlight : (c.id+1)*s.inFlight]
	next := c.in.seen + c.owed
	for range n {
		ring[next%int64(len(ring))] = now
		next++
	}
	c.push(n, now)
}

func (s *echoScene) verified(c *conn, n int, now int64) {
	s.meter.count += int64(n)
	if s.meter.on {
		ring := s.times[c.id*s.inFlight : (c.id+1)*s.inFlight]
		for i := c.in.seen - int64(n); i < c.in.seen; i++ {
			s.meter.record(now - ring[i%int64(len(ring))])
		}
	}
	if !s.stopped {
		s.launch(c, n, now)
	}
}
