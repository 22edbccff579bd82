package bench

import (
	"context"
	"fmt"
	"time"
)

// How often the generator looks at its context and its timeouts, and how long it
// waits for the last messages of a scenario.
const (
	lookEvery = int64(20 * time.Millisecond)
	drainTime = 10 * time.Second
)

// generator is one run of a scenario: its connections and what moves them. It is
// used by one goroutine, the one that called the scenario.
type generator struct {
	*endpoint
	ctx       context.Context
	clock     clock
	rng       rng
	handshake *handshake
	frames    *frames // nil: no messages
	driver    driver
	process   *process // nil: no PID was given

	dialed  int                // connections begun so far: the next id
	dialing int                // those without an answer yet
	pending []*conn            // in order of dialling; those that settled are skipped
	live    map[*conn]struct{} // those that are not gone
	owed    int64              // messages that are still to come
	pongs   int                // that have come since pingAll
	looked  int64              // when the context was looked at
	told    int64              // when progress was told
	err     error              // what ended the run
}

// newGenerator checks the server's process and opens the driver. The caller closes it.
func newGenerator(ctx context.Context, e *endpoint, f *frames) (*generator, error) {
	g := &generator{
		endpoint:  e,
		ctx:       ctx,
		clock:     newClock(),
		rng:       rng(1),
		handshake: newHandshake(e.host, e.path, e.Header, e.Compression),
		frames:    f,
		live:      make(map[*conn]struct{}),
	}
	if e.PID != 0 {
		p, err := openProcess(e.PID)
		if err != nil {
			return nil, err
		}
		g.process = p
	}
	d, err := newDriver(g)
	if err != nil {
		return nil, err
	}
	g.driver = d
	return g, nil
}

// close resets what is still connected, so that no port waits in TIME_WAIT, and
// gives back the driver.
func (g *generator) close() {
	for c := range g.live {
		c.drop(true)
	}
	g.driver.close()
}

// fail ends the run with the fault of c; the first fault counts.
func (g *generator) fail(c *conn, err error) {
	if g.err == nil {
		g.err = fmt.Errorf("bench: connection %d: %w", c.id, err)
	}
}

// dial begins a connection of s.
func (g *generator) dial(s scene, now int64) *conn {
	c := newConn(g, g.dialed, s, g.frames)
	c.began = now
	g.dialed++
	g.dialing++
	g.live[c] = struct{}{}
	g.pending = append(g.pending, c)
	if err := g.driver.dial(c, g.source(c.id)); err != nil {
		c.lose(err, now)
	}
	return c
}

// run moves bytes until step says done, the context ends or a fault ends the run.
func (g *generator) run(step stepFunc) error {
	if g.err != nil {
		return g.err
	}
	g.driver.run(func(now int64) (int64, bool) {
		if g.err == nil && now-g.looked >= lookEvery {
			g.look(now)
		}
		if g.err != nil {
			return 0, true
		}
		wake, done := step(now)
		return min(wake, now+lookEvery), done
	})
	return g.err
}

// look ends the run with its context, and handshakes that take too long.
func (g *generator) look(now int64) {
	g.looked = now
	if err := g.ctx.Err(); err != nil {
		g.err = fmt.Errorf("bench: %w", err)
		return
	}
	for len(g.pending) > 0 {
		c := g.pending[0]
		if c.state < open {
			if now-c.began < int64(g.DialTimeout) {
				return
			}
			c.lose(fmt.Errorf("no answer to the handshake within %v", g.DialTimeout), now)
		}
		g.pending[0] = nil
		g.pending = g.pending[1:]
	}
}

// dialAll opens connections until conns holds n, and appends them in order.
func (g *generator) dialAll(conns []*conn, n int, s scene) ([]*conn, error) {
	err := g.run(func(now int64) (int64, bool) {
		for len(conns) < n && g.dialing < g.Dialing && g.err == nil {
			conns = append(conns, g.dial(s, now))
		}
		g.progress(Progress{Phase: "connecting", Done: float64(len(conns) - g.dialing), Total: float64(n)}, nil, now)
		return now + lookEvery, g.dialing == 0 && len(conns) == n
	})
	return conns, err
}

// pause moves bytes for d and nothing else.
func (g *generator) pause(d time.Duration) error {
	end := g.clock.now() + int64(d)
	return g.run(func(now int64) (int64, bool) { return end, now >= end })
}

// pingAll waits until each of conns has answered a ping, at most drainTime. A server
// that reads a ping has done what it does with a new connection.
func (g *generator) pingAll(conns []*conn) error {
	g.pongs = 0
	now := g.clock.now()
	for _, c := range conns {
		c.ping(now)
	}
	end := now + int64(drainTime)
	err := g.run(func(now int64) (int64, bool) { return end, g.pongs >= len(conns) || now >= end })
	if err == nil && g.pongs < len(conns) {
		err = fmt.Errorf("bench: %d of %d connections did not answer a ping within %v", len(conns)-g.pongs, len(conns), drainTime)
	}
	return err
}

// drain waits until every message that is owed has come, at most drainTime. What is
// missing then is an error.
func (g *generator) drain() error {
	end := g.clock.now() + int64(drainTime)
	err := g.run(func(now int64) (int64, bool) { return end, g.owed == 0 || now >= end })
	if err == nil && g.owed > 0 {
		err = fmt.Errorf("bench: %d messages did not come within %v", g.owed, drainTime)
	}
	return err
}
