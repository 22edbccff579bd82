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
	Conns     int     // receivers; 1000
	InFlight  int     // messages sent before the first of them has reached every receiver; 1
	PerSecond float64 // messages sent at a fixed rate instead; none
	Stalled   int     // further connections, which read nothing; none
}

// Broadcast has one connection send messages that the server delivers to all of
// its connections on the URL's path: Conns receivers and the sender itself, whose
// copy is counted and compared but not waited for. The next message is sent when
// one has reached every receiver. All figures are per delivery, and a latency runs
// from the send to the receipt by one receiver. Before the first message each
// connection is pinged, and its pong says that the server has made room for it.
//
// With PerSecond messages are sent when it is time, as by [Rate], and a latency runs
// from then on. What the Stalled readers would get is not counted: what a server
// does with them, it does; the figures are those of the others.
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
	if o.Stalled < 0 || o.PerSecond < 0 || o.PerSecond > maxPerSecond {
		return nil, errors.New("bench: Stalled and PerSecond are not negative, and PerSecond is at most 1e8")
	}
	if err := o.Load.defaults(); err != nil {
		return nil, err
	}
	e, err := o.resolve(o.Conns+1+o.Stalled, false)
	if err != nil {
		return nil, err
	}
	if o.Stalled > 0 && e.secure {
		return nil, errStalledTLS
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
	readers, err := g.stall(o.Stalled)
	if err != nil {
		return nil, err
	}
	defer readers.close()
	if err := g.pingAll(s.conns); err != nil {
		return nil, err
	}
	settings := append(o.settings(), o.Load.settings()...)
	step := s.begin(&o)
	if err := s.meter.run(&o.Load, step); err != nil {
		return s.meter.partial("broadcast", settings), err
	}
	s.stopped = true
	return s.meter.result("broadcast", settings), g.drain()
}

// settings describes the options, but for the load.
func (o *BroadcastOptions) settings() []Setting {
	list := []Setting{{"receivers", strconv.Itoa(o.Conns)}}
	if o.PerSecond > 0 {
		list = append(list, Setting{"rate", number(o.PerSecond) + " messages/s"})
	} else {
		list = append(list, Setting{"in flight", strconv.Itoa(o.InFlight)})
	}
	if o.Stalled > 0 {
		list = append(list, Setting{"stalled", strconv.Itoa(o.Stalled) + " further readers"})
	}
	return list
}

// broadcastScene sends a message when an earlier one has reached every receiver, or
// when it is time. Connection 0 is the sender.
type broadcastScene struct {
	strict
	meter     *meter
	conns     []*conn
	receivers int64
	sent      int64   // messages so far
	times     []int64 // when those under way were sent, a ring
	reached   []int64 // how many receivers each has reached, a ring
	stopped   bool    // nothing more is sent
	interval  float64 // nanoseconds between messages; 0: they follow each other
	start     int64   // when message 0 was to be sent, with an interval
}

// begin sends the first messages and returns what sends those that follow none.
func (s *broadcastScene) begin(o *BroadcastOptions) (step func(now int64) (wake int64)) {
	if o.PerSecond > 0 {
		s.interval, s.start = 1e9/o.PerSecond, s.g.clock.now()
		return s.pace
	}
	for range o.InFlight {
		s.publish(s.g.clock.now())
	}
	return idleStep
}

// intended is when message k is to be sent, with an interval.
func (s *broadcastScene) intended(k int64) int64 { return s.start + int64(float64(k)*s.interval) }

// pace sends what is due.
func (s *broadcastScene) pace(now int64) (wake int64) {
	for {
		at := s.intended(s.sent)
		if at > now || s.g.err != nil {
			return at
		}
		s.publish(now)
	}
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
		if s.interval > 0 {
			s.meter.observe(now - s.intended(i))
			continue
		}
		at := i % int64(len(s.times))
		s.meter.observe(now - s.times[at])
		s.reached[at]++
		if s.reached[at] == s.receivers && !s.stopped {
			s.publish(now)
		}
	}
}
