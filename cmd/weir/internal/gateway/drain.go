package gateway

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/drain"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/engine"
)

// draining is how far the one drain of a gateway is.
type draining struct {
	begun       atomic.Bool
	done        chan struct{} // closed when it has ended
	total, left atomic.Int64
	over        atomic.Int64 // ns
}

// begin reports whether there was no drain before: then there is one, over that
// time and of so many connections.
func (d *draining) begin(over time.Duration, conns int64) bool {
	if !d.begun.CompareAndSwap(false, true) {
		return false
	}
	d.over.Store(int64(over))
	d.total.Store(conns)
	d.left.Store(conns)
	return true
}

// remaining is how many connections are to be closed; 0 without a drain.
func (d *draining) remaining() int64 { return d.left.Load() }

func (d *draining) state() admin.Drain {
	return admin.Drain{Active: d.begun.Load(), Total: d.total.Load(), Left: d.left.Load(), Seconds: time.Duration(d.over.Load()).Seconds()}
}

// Drain closes all connections over the time of the configuration, and returns
// how many were left when it, or ctx, ended. From the start on the gateway is
// not ready; it accepts connections for the delay of the configuration, so that
// load balancers can turn away from it. If an operator began to drain already,
// that goes on, over the time that it was told. It blocks.
func (g *Gateway) Drain(ctx context.Context) (left int64) {
	over := g.config.Load().Drain.Duration
	if g.drain.begin(over, g.Left()) {
		return g.drainOver(ctx, over)
	}
	g.log.Info("an operator's drain is under way already, and goes on", "left", g.drain.remaining())
	select {
	case <-ctx.Done():
	case <-g.drain.done:
	}
	return g.Left()
}

// drainOver is Drain with a window of that length, once it has begun.
func (g *Gateway) drainOver(ctx context.Context, over time.Duration) (left int64) {
	defer close(g.drain.done)
	d := &g.config.Load().Drain
	g.log.Info("draining", "connections", g.drain.left.Load(), "delay", d.Delay, "duration", over)
	if g.server.Metrics().Conns > 0 || g.config.Load().Drain.Delay > 0 {
		pause(ctx, d.Delay)
	}
	g.stopListening()
	conns := g.byIdleness()
	g.drain.total.Store(int64(len(conns)))
	g.drain.left.Store(int64(len(conns)))
	plan := drain.Plan{
		Over: over, MaxRate: float64(d.MaxRate), Every: progressEvery,
		Close: func(place, n int) {
			g.part(conns[place], over)
			conns[place] = nil
			g.drain.left.Store(int64(n - 1))
		},
		Progress: func(left int) {
			g.log.Info("draining", "left", left, "of", len(conns))
		},
	}
	if plan.Run(ctx, len(conns)) != nil {
		return g.Left()
	}
	left = g.awaitFarewells(ctx, over)
	g.drain.left.Store(left)
	g.finish(ctx)
	g.log.Info("drained", "left", left)
	return left
}

// finish lets the publications that are under way be answered.
func (g *Gateway) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewellTime)
	defer cancel()
	_ = g.server.Shutdown(ctx) // what does not end in time is cut off by Close
}

// stopListening closes the public port: what is connected stays.
func (g *Gateway) stopListening() {
	g.room.Shut()
	g.listening.Store(false)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.public != nil {
		_ = g.public.Close() // it may be closed already
	}
}

// byIdleness are the open connections, those first that have been silent the
// longest.
func (g *Gateway) byIdleness() []*engine.Conn {
	type idle struct {
		c     *engine.Conn
		since time.Time
	}
	var all []idle
	for c := range g.server.Conns() {
		i := idle{c: c}
		if cl, ok := c.Value().(*plain.Client); ok {
			i.since = cl.Active()
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b idle) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.c.ID(), b.c.ID())) })
	conns := make([]*engine.Conn, len(all))
	for i := range all {
		conns[i] = all[i].c
	}
	return conns
}

// part tells a client to come back, and when.
func (g *Gateway) part(c *engine.Conn, over time.Duration) {
	span := min(max(over/4, minRetry), maxRetry)
	retry := minRetry + rand.N(span)
	_ = c.Close(engine.StatusServiceRestart, fmt.Sprintf("retry=%d", retry.Milliseconds())) // an error says that it is closed already
}

// awaitFarewells waits until the clients have answered, and ends those that came
// while the others were closed.
func (g *Gateway) awaitFarewells(ctx context.Context, over time.Duration) (left int64) {
	for end := time.Now().Add(farewellTime); ; {
		for c := range g.server.Conns() {
			g.part(c, over)
		}
		left = g.Left()
		if left == 0 || ctx.Err() != nil || time.Now().After(end) {
			return left
		}
		pause(ctx, farewellStep)
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Left is how many connections there are.
func (g *Gateway) Left() int64 { return g.server.Metrics().Conns }
