// Package drain closes many connections evenly, so that their clients don't
// come back all at once.
package drain

import (
	"context"
	"math/rand/v2"
	"time"
)

// Plan is how connections are closed.
type Plan struct {
	// Over is the time in which they are.
	Over time.Duration
	// MaxRate is the most that are closed in a second, whatever Over says; 0 is
	// any number.
	MaxRate float64
	// Every is how often Progress is called.
	Every time.Duration
	// Close closes one; n of them are left, it included.
	Close func(place, n int)
	// Progress is told how many are left.
	Progress func(left int)
}

// Run closes n connections, in order, and returns when the last was told, or
// with ctx's error. Each has its part of the time to itself, and is closed
// somewhere in it: so the rate is even, and nothing beats time.
func (p *Plan) Run(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	each := p.Over / time.Duration(n)
	if p.MaxRate > 0 {
		each = max(each, time.Duration(float64(time.Second)/p.MaxRate))
	}
	start := time.Now()
	timer, tick := time.NewTimer(0), time.NewTicker(p.Every)
	defer timer.Stop()
	defer tick.Stop()
	<-timer.C
	for i := range n {
		at := time.Duration(i) * each
		if each > 0 {
			at += rand.N(each)
		}
		for wait := at - time.Since(start); wait > 0; wait = at - time.Since(start) {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
				p.Progress(n - i)
			case <-timer.C:
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p.Close(i, n-i)
	}
	return nil
}
