package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/weirws/weir/bench"
)

// comparison is one run of the program.
type comparison struct {
	options *options
	root    string // of this module
	machine *machine
	log     io.Writer
	peers   []*peer  // that could be built
	missing []string // what was left out, and why
	tables  []*table

	identity *identity // of the servers with TLS; nil until there is one
	npmTried bool
	npmErr   error
}

// table is what was measured in one scenario.
type table struct {
	scenario *scenario
	rows     []*row
}

// row is one server in one scenario.
type row struct {
	peer      *peer
	results   []*bench.Result // one per round
	untrimmed []float64       // idle: bytes per connection without a trim, one per round
}

// measure runs a scenario on all servers, in rounds: A B C, then C B A, so that a
// machine that gets slower meanwhile is unjust to nobody. Each run has a server of
// its own, fresh from the start.
func (c *comparison) measure(ctx context.Context, s *scenario) error {
	t := &table{scenario: s}
	for _, p := range c.peers {
		if p.takesPart(s) {
			t.rows = append(t.rows, &row{peer: p})
		}
	}
	failed := make(map[*row]bool)
	for round := range c.options.rounds {
		order := slices.Clone(t.rows)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, r := range order {
			if failed[r] {
				continue
			}
			err := c.once(ctx, s, r)
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(c.log, "%s  %s once more: %v\n", s.name, r.peer.name, err)
				err = c.once(ctx, s, r)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failed[r] = true
				c.leaveOut(fmt.Sprintf("%s in %s: %s", r.peer.name, s.name, firstLine(err)))
				continue
			}
			last := r.results[len(r.results)-1]
			fmt.Fprintf(c.log, "%s  round %d of %d  %-14s %10.3f %s\n",
				s.name, round+1, c.options.rounds, r.peer.name, s.figure(last), s.unit())
		}
	}
	t.rows = slices.DeleteFunc(t.rows, func(r *row) bool { return failed[r] })
	c.tables = append(c.tables, t)
	return nil
}

// once measures one server once; idle twice, without a trim too.
func (c *comparison) once(ctx context.Context, s *scenario, r *row) error {
	result, err := c.fresh(ctx, s, r.peer, s.kind == "idle")
	if err != nil {
		return err
	}
	if s.kind == "idle" {
		raw, err := c.fresh(ctx, s, r.peer, false)
		if err != nil {
			return err
		}
		r.untrimmed = append(r.untrimmed, raw.Idle.PerConn)
	}
	r.results = append(r.results, result)
	return nil
}

// fresh measures a server that was just started.
func (c *comparison) fresh(ctx context.Context, s *scenario, p *peer, withStats bool) (r *bench.Result, err error) {
	var id *identity
	if s.tls {
		if id, err = c.theIdentity(); err != nil {
			return nil, err
		}
	}
	sv, err := start(ctx, p, c.options.serverCPU, id, withStats, s.deflate)
	if err != nil {
		return nil, err
	}
	defer sv.stop()
	if r, err = s.run(ctx, sv); err != nil {
		return nil, err // a Result that comes with an error is of no use here
	}
	return r, nil
}
