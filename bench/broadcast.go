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
// from then on: those of all messages that were meant for the window count, those that
// come after it and those that never come too. What the Stalled readers would get is not counted: what a server
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
	if o.Stalled < 0 {
		return nil, errors.New("bench: Stalled is negative")
	}
	if err := checkRate("PerSecond", o.PerSecond); err != nil {
		return nil, err
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
	step := s.launch(&o)
	if err := s.meter.run(&o.Load, step); err != nil {
		return s.partial(settings), err
	}
	s.stopped = true
	if o.PerSecond == 0 {
		return s.result(settings), g.drain()
	}
	err = s.finish(g, s.pace)
	s.chargeMissing()
	return s.result(settings), err
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
	schedule  // of PerSecond
	meter     *meter
	conns     []*conn
	receivers int64
	times     []int64 // without a schedule: when those under way were sent, a ring
	reached   []int64 // the same: how many receivers each has reached, a ring
	stopped   bool    // nothing more is sent
}

// launch sends the first messages and returns what sends those that follow none.
func (s *broadcastScene) launch(o *BroadcastOptions) (step func(now int64) (wake int64)) {
	if o.PerSecond > 0 {
		s.schedule = newSchedule(o.PerSecond)
		s.begin(&o.Load, s.g.clock.now())
		return s.pace
	}
	for range o.InFlight {
		s.publish(s.g.clock.now())
	}
	return idleStep
}

// pace sends what is due.
func (s *broadcastScene) pace(now int64) (wake int64) {
	return s.step(s.g, now, func(_, now int64) { s.deliver(now) })
}

func (s *broadcastScene) opened(c *conn, _ int64) {
	c.setSlot(0) // every connection gets what connection 0 sends
	c.optional = c.id == 0
}

// publish sends the next message and remembers when.
func (s *broadcastScene) publish(now int64) {
	at := s.sent % int64(len(s.times))
	s.times[at], s.reached[at] = now, 0
	s.sent++
	s.deliver(now)
}

// deliver sends a message, which the server owes to all.
func (s *broadcastScene) deliver(now int64) {
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
			s.observe(i, now)
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

// observe records message i of the schedule as delivered once more at now.
func (s *broadcastScene) observe(i, now int64) {
	if late, ok := s.late(i, now); ok {
		s.meter.record(late)
	}
}

// chargeMissing records what of a schedule never came with the time that it has
// waited so far.
func (s *broadcastScene) chargeMissing() {
	now := s.g.clock.now()
	for _, c := range s.conns {
		if c.optional {
			continue
		}
		for i := range c.owed {
			s.observe(c.in.seen+i, now)
		}
	}
}

// result adds the generator's own lateness.
func (s *broadcastScene) result(settings []Setting) *Result {
	return s.addLag(s.meter.result("broadcast", settings))
}

// partial does so for a window that ended early.
func (s *broadcastScene) partial(settings []Setting) *Result {
	return s.addLag(s.meter.partial("broadcast", settings))
}
