package bench

import (
	"context"
	"errors"
	"strconv"
)

// BroadcastOptions are the options of [Broadcast].
type BroadcastOptions struct {
	Target
	Load
	Conns    int // receivers; 1000
	InFlight int // messages sent before the first of them has reached every receiver; 1
}

// Broadcast has one connection send messages that the server delivers to all of
// its connections on the URL's path: Conns receivers and the sender itself, whose
// copy is counted and compared but not waited for. The next message is sent when
// one has reached every receiver. All figures are per delivery, and a latency runs
// from the send to the receipt by one receiver. Before the first message each
// connection is pinged, and its pong says that the server has made room for it.
//
// It blocks until the scenario is over. For the errors see [Echo].
func Broadcast(ctx context.Context, o BroadcastOptions) (*Result, error) {
	orDefault(&o.Conns, 1000)
	orDefault(&o.InFlight, 1)
	if o.Conns < 1 {
		return nil, errors.New("bench: Conns is not positive")
	}
	if o.InFlight < 1 || o.InFlight > maxInFlight {
		return nil, errors.New("bench: InFlight is from 1 to 65536")
	}
	if err := o.Load.defaults(); err != nil {
		return nil, err
	}
	e, err := o.resolve(o.Conns+1, false)
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
	s := &broadcastScene{strict: strict{g}, meter: newMeter(g, "delivery"), receivers: int64(o.Conns),
		times: make([]int64, o.InFlight), reached: make([]int64, o.InFlight)}
	if s.conns, err = g.dialAll(nil, o.Conns+1, s); err != nil {
		return nil, err
	}
	if err := g.pingAll(s.conns); err != nil {
		return nil, err
	}
	settings := append([]Setting{
		{"receivers", strconv.Itoa(o.Conns)},
		{"in flight", strconv.Itoa(o.InFlight)},
	}, o.Load.settings()...)
	for range o.InFlight {
		s.publish(g.clock.now())
	}
	if err := s.meter.run(&o.Load, idleStep); err != nil {
		return s.meter.partial("broadcast", settings), err
	}
	s.stopped = true
	return s.meter.result("broadcast", settings), g.drain()
}

// broadcastScene sends a message when an earlier one has reached every receiver.
// Connection 0 is the sender.
type broadcastScene struct {
	strict
	meter     *meter
	conns     []*conn
	receivers int64
	sent      int64   // messages so far
	times     []int64 // when those under way were sent, a ring
	reached   []int64 // how many receivers each has reached, a ring
	stopped   bool    // nothing more is sent
}

func (s *broadcastScene) opened(c *conn, _ int64) {
	c.setSlot(0) // every connection gets what connection 0 sends
	c.optional = c.id == 0
}

// publish sends the next message.
func (s *broadcastScene) publish(now int64) {
	at := s.sent % int64(len(s.times))
	s.times[at], s.reached[at] = now, 0
	s.sent++
	for _, c := range s.conns {
		c.owe(1)
	}
	s.conns[0].send(1, now)
}

func (s *broadcastScene) verified(c *conn, n int, now int64) {
	s.meter.count += int64(n)
	if c.optional {
		return
	}
	for i := c.in.seen - int64(n); i < c.in.seen; i++ {
		at := i % int64(len(s.times))
		s.meter.observe(now - s.times[at])
		s.reached[at]++
		if s.reached[at] == s.receivers && !s.stopped {
			s.publish(now)
		}
	}
}
