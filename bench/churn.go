package bench

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// ChurnOptions are the options of [Churn].
type ChurnOptions struct {
	Target
	Load
	Conns int // connections at a time; 100
}

// What bounds the end of a connection.
const (
	echoTimeout  = 5 * time.Second // for the server to return the message of a connection that comes and goes
	closeTimeout = echoTimeout     // for it to follow a close frame or a FIN: the same, so that one queue has both in order
	releaseTime  = 5 * time.Second // for the server to give back descriptors after the last connection
	maxFailures  = 10              // failures that Endings.Failures shows
	hopeless     = 100             // failures before the first success that end the run
)

// Churn opens connections, has each echo one message, and ends them in turn with a
// closing handshake, with a FIN and no close frame, and with a RST. A connection
// that ended is replaced at once. A latency runs from connect to the end of the
// connection. With a PID the Result says what the server held before the first
// connection and after the last.
//
// It blocks until the scenario is over. A connection that fails is counted in
// Result.Endings and ends nothing, unless what came back was wrong; one whose message
// or end does not come within 5 s has failed. For the errors see [Echo].
func Churn(ctx context.Context, o ChurnOptions) (*Result, error) {
	orDefault(&o.Conns, 100)
	if o.Conns < 0 {
		return nil, errors.New("bench: Conns is not negative")
	}
	if err := o.Load.defaults(); err != nil {
		return nil, err
	}
	e, err := o.resolve(o.Conns, true)
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
	before, err := g.holdings()
	if err != nil {
		return nil, err
	}
	m := newMeter(g, "connection")
	s := &churnScene{g: g, meter: m}
	settings := append([]Setting{{"at a time", strconv.Itoa(o.Conns)}}, o.Load.settings()...)
	step := func(now int64) (wake int64) {
		// A dial that fails at once leaves its place free: no more of them per step than places.
		for range o.Conns {
			if s.live < o.Conns && g.dialing < g.Dialing {
				s.dial(now)
			}
		}
		return s.expire(now)
	}
	if err := m.run(&o.Load, step); err != nil {
		return s.add(m.partial("churn", settings), before), err
	}
	if err := s.finish(); err != nil {
		return nil, err
	}
	r := s.add(m.result("churn", settings), before)
	r.After, err = g.released(before)
	return r, err
}

// add adds the endings to r, which may be nil.
func (s *churnScene) add(r *Result, before *Holdings) *Result {
	if r != nil {
		r.Before, r.Endings = before, &s.endings
	}
	return r
}

// churnScene has connections come and go.
type churnScene struct {
	g       *generator
	meter   *meter // counts connections that ended as they should; nil: nobody does
	live    int
	waits   []wait // in order of time; those that are over are skipped
	endings Endings
}

// wait is what the server owes a connection: its message, or its end.
type wait struct {
	c     *conn
	state connState // open or closing; another one: it is over
	until int64
}

// await begins the next wait of c.
func (s *churnScene) await(c *conn, now int64) {
	s.waits = append(s.waits, wait{c, c.state, now + int64(closeTimeout)})
}

// dial begins a connection.
func (s *churnScene) dial(now int64) {
	s.live++
	s.g.dial(s, now)
}

func (s *churnScene) opened(c *conn, now int64) {
	s.await(c, now)
	c.push(1, now)
}

// verified ends a connection after its message, each third one in another way.
func (s *churnScene) verified(c *conn, _ int, now int64) {
	switch c.id % 3 {
	case 0:
		c.bye(now)
	case 1:
		c.fin(now)
	default:
		c.reset(now)
		return
	}
	s.await(c, now)
}

func (s *churnScene) lost(c *conn, err error, now int64) {
	s.live--
	if c.id%3 == 0 && err == nil && !c.gotBye {
		err = errors.New("the server did not answer the close frame")
	}
	if err != nil {
		s.failed(c, err)
		return
	}
	switch c.id % 3 {
	case 0:
		s.endings.Clean++
	case 1:
		s.endings.FIN++
	default:
		s.endings.RST++
	}
	if s.meter != nil {
		s.meter.count++
		s.meter.observe(now - c.began)
	}
}

// failed counts a connection that came to a bad end. Wrong bytes end the run, and so
// do failures without a single success.
func (s *churnScene) failed(c *conn, err error) {
	s.endings.Failed++
	var wrong *MismatchError
	if errors.As(err, &wrong) || s.endings.Failed >= hopeless && s.endings.good() == 0 {
		s.g.fail(c, err)
	}
	if len(s.endings.Failures) < maxFailures {
		s.endings.Failures = append(s.endings.Failures, err.Error())
	}
}

// good is how many connections ended as they should.
func (e *Endings) good() int64 { return e.Clean + e.FIN + e.RST }

// expire gives up connections whose message does not come back, or which the server
// does not end, and returns when to be called again.
func (s *churnScene) expire(now int64) (wake int64) {
	for len(s.waits) > 0 {
		w := s.waits[0]
		if w.c.state == w.state {
			if w.until > now {
				return w.until
			}
			why := "the server did not end the connection"
			if w.state == open {
				why = "the message did not come back"
			}
			w.c.lose(errors.New(why), now)
		}
		s.waits[0] = wait{}
		s.waits = s.waits[1:]
	}
	return now + lookEvery
}

// finish waits for the connections that are left.
func (s *churnScene) finish() error {
	return s.g.run(func(now int64) (int64, bool) { return s.expire(now), s.live == 0 })
}

// holdings is what the server's process holds; nil: no PID was given.
func (g *generator) holdings() (*Holdings, error) {
	if g.process == nil {
		return nil, nil
	}
	private, err := g.process.private()
	if err != nil {
		return nil, err
	}
	n, err := g.process.descriptors()
	return &Holdings{PrivateBytes: private, Descriptors: n}, err
}

// released waits until the server's descriptors are back at before, at most
// releaseTime, and returns what it holds.
func (g *generator) released(before *Holdings) (after *Holdings, err error) {
	if before == nil {
		return nil, nil
	}
	end := g.clock.now() + int64(releaseTime)
	for {
		if after, err = g.holdings(); err != nil {
			return nil, err
		}
		if after.Descriptors <= before.Descriptors || g.clock.now() >= end {
			return after, nil
		}
		if err := g.pause(100 * time.Millisecond); err != nil {
			return nil, err
		}
	}
}
