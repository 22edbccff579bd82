package main

import (
	"fmt"

	"github.com/weirws/weir/bench"
)

// goal bounds the ratio of one server's figure to another's.
type goal struct {
	scenario string
	of       string           // the server; weir
	against  func(*peer) bool // the best of those
	name     string           // what they are called
	limit    float64
	figure   func(*bench.Result) float64 // nil: that of the scenario
	what     string                      // what figure is called; empty: that of the scenario
}

// noise is what two figures of one run may differ by without meaning anything.
const noise = 1.10

func named(name string) func(*peer) bool { return func(p *peer) bool { return p.name == name } }

func isGoroutines(p *peer) bool { return p.group == goroutines }

func isRival(p *peer) bool { return p.group != ours && p.group != floor }

func p50(r *bench.Result) float64 { return float64(r.Latency.P50) }

func p99(r *bench.Result) float64 { return float64(r.Latency.P99) }

// goals are the project's.
func goals() []goal {
	const weir = "weir"
	bun, gnet, weirInline := named("bun"), named("gnet"), named(weir)
	list := []goal{}
	for _, g := range []struct {
		scenario     string
		bun, library float64
	}{
		{"echo-1000x1x32", 0.88, 0.70},
		{"echo-1000x1x512", 0.88, 0.70},
		{"echo-100x16x32", 0.65, 0.75},
		{"echo-100x1x16K", 0.55, 0.80},
	} {
		list = append(list,
			goal{scenario: g.scenario, of: weir, against: bun, name: "bun", limit: g.bun},
			goal{scenario: g.scenario, of: weir, against: isGoroutines, name: "best Go library", limit: g.library},
			goal{scenario: g.scenario, of: weir, against: gnet, name: "gnet", limit: 1},
		)
	}
	const large, open = "echo-10x1x1M", "rate-18000x2000x32"
	const packed = "echo-100x1x1K-deflate"
	return append(list,
		goal{scenario: packed, of: weir, against: isGoroutines, name: "best Go library", limit: 0.80},
		goal{scenario: large, of: weir, against: bun, name: "bun", limit: 0.50},
		goal{scenario: large, of: weir, against: isRival, name: "best of all", limit: 0.95},
		goal{scenario: large, of: weir, against: gnet, name: "gnet", limit: 1},
		goal{scenario: open, of: weir, against: bun, name: "bun", limit: 1},
		goal{scenario: open, of: weir, against: isRival, name: "best of all", limit: noise, figure: p50, what: "p50"},
		goal{scenario: open, of: weir, against: isRival, name: "best of all", limit: noise, figure: p99, what: "p99"},
		goal{scenario: "broadcast-5000x128", of: weir, against: isRival, name: "best of all", limit: 0.95},
		goal{scenario: "echo-1000x1x32", of: "weir-workers", against: weirInline, name: "weir inline", limit: 1.5},
		goal{scenario: "echo-100x16x32", of: "weir-workers", against: isGoroutines, name: "best Go library", limit: 1},
		goal{scenario: "echo-tls-1000x1x32", of: weir, against: isGoroutines, name: "best Go library", limit: 1},
		goal{scenario: "idle-10000", of: weir, against: isRival, name: "best of all", limit: 1},
		goal{scenario: "echo-1000x1x32", of: weir, against: named("netpollbare"), name: "bare loop", limit: 1.15},
	)
}

// judge compares a goal with what was measured; ok is false when it was not.
func (c *comparison) judge(g goal) (cells []string, ok bool) {
	for _, t := range c.tables {
		of := t.row(g.of)
		if t.scenario.name != g.scenario || of == nil {
			continue
		}
		f, unit := g.figure, g.what
		if f == nil {
			f, unit = t.scenario.figure, t.scenario.unit()
		}
		against := t.best(g.against, f)
		if against == nil {
			continue
		}
		ratio := t.ratio(of, against, f)
		verdict := "reached"
		if ratio > g.limit {
			verdict = "**not reached**"
		}
		name := g.name
		if name != against.peer.name {
			name += " (" + against.peer.name + ")"
		}
		return []string{g.scenario, g.of, unit, name, fmt.Sprintf("≤ %.2f", g.limit), beside(ratio, g.limit), verdict}, true
	}
	return nil, false
}

// beside is a ratio with two digits behind the point, or three where two would hide
// that it is above the limit.
func beside(ratio, limit float64) string {
	text := fmt.Sprintf("%.2f", ratio)
	if ratio > limit && text == fmt.Sprintf("%.2f", limit) {
		return fmt.Sprintf("%.3f", ratio)
	}
	return text
}

// goalTable is all goals that could be judged; nil: none could.
func (c *comparison) goalTable() *bench.Table {
	b := &bench.Table{Header: []string{"scenario", "server", "figure", "against", "goal", "ratio", ""}, Left: 4}
	for _, g := range goals() {
		if cells, ok := c.judge(g); ok {
			b.Rows = append(b.Rows, cells)
		}
	}
	if len(b.Rows) == 0 {
		return nil
	}
	return b
}
