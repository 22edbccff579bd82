package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/weirws/weir/bench"
)

// spread is a figure over the rounds.
type spread struct{ median, min, max float64 }

// spreadOf sorts a copy of v, which is not empty.
func spreadOf(v []float64) spread {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return spread{median: (v[(n-1)/2] + v[n/2]) / 2, min: v[0], max: v[n-1]}
}

// over is a figure of all rounds of r.
func (r *row) over(figure func(*bench.Result) float64) spread {
	var v []float64
	for _, result := range r.results {
		v = append(v, figure(result))
	}
	return spreadOf(v)
}

// main is the figure that compares, over all rounds.
func (t *table) main(r *row) spread { return r.over(t.scenario.figure) }

// best is the row with the smallest median of figure among those that fit; nil: none does.
func (t *table) best(fits func(*peer) bool, figure func(*bench.Result) float64) (best *row) {
	for _, r := range t.rows {
		if fits(r.peer) && (best == nil || r.over(figure).median < best.over(figure).median) {
			best = r
		}
	}
	return best
}

// ratio is the median over the rounds of a's figure over b's in the same round: what
// a busy machine does to a round it does to both.
func (t *table) ratio(a, b *row, figure func(*bench.Result) float64) float64 {
	var v []float64
	for i := range min(len(a.results), len(b.results)) {
		if d := figure(b.results[i]); d != 0 {
			v = append(v, figure(a.results[i])/d)
		}
	}
	if len(v) == 0 {
		return 0
	}
	return spreadOf(v).median
}

// row returns the row of a peer; nil: it was not measured.
func (t *table) row(name string) *row {
	for _, r := range t.rows {
		if r.peer.name == name {
			return r
		}
	}
	return nil
}

// notFloor is for "the best": the bare loop is no server that one could use.
func notFloor(p *peer) bool { return p.group != floor }

// writeText writes the table for a terminal.
func (t *table) writeText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n%s  (%s)\n\n", t.scenario.title(), t.scenario.name); err != nil {
		return err
	}
	b := t.render()
	return b.WriteText(w)
}

// render makes a table of text.
func (t *table) render() *bench.Table {
	b := &bench.Table{Header: []string{"server", t.scenario.unit(), "min", "max", "× best"}}
	if t.scenario.kind == "idle" {
		b.Header = append(b.Header, "without trim", "process, empty")
	} else {
		b.Header = append(b.Header, "per second", "p50", "p99", "generator µs")
	}
	best := t.best(notFloor, t.scenario.figure)
	for _, r := range t.rows {
		m := t.main(r)
		cells := []string{r.peer.name, figure(m.median), figure(m.min), figure(m.max)}
		if best != nil {
			cells = append(cells, fmt.Sprintf("%.2f", m.median/t.main(best).median))
		} else {
			cells = append(cells, "")
		}
		b.Rows = append(b.Rows, append(cells, t.details(r)...))
	}
	return b
}

// details are the further columns.
func (t *table) details(r *row) []string {
	if t.scenario.kind == "idle" {
		empty := r.over(func(r *bench.Result) float64 { return float64(r.Idle.Readings[0].Trimmed) })
		return []string{figure(spreadOf(r.untrimmed).median), bench.FormatBytes(empty.median)}
	}
	latency := func(of func(*bench.Latency) time.Duration) string {
		nanos := r.over(func(r *bench.Result) float64 { return float64(of(r.Latency)) })
		return bench.FormatDuration(time.Duration(nanos.median))
	}
	perSecond := r.over(func(r *bench.Result) float64 { return r.PerSecond })
	generator := r.over(func(r *bench.Result) float64 { return r.Generator.CPUMicros })
	return []string{
		bench.FormatCount(int64(perSecond.median)),
		latency(func(l *bench.Latency) time.Duration { return l.P50 }),
		latency(func(l *bench.Latency) time.Duration { return l.P99 }),
		figure(generator.median),
	}
}

// figure is v with three digits or more.
func figure(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return bench.FormatCount(int64(v + 0.5))
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1 || v <= -1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// writeJSON writes every result of every round.
func (c *comparison) writeJSON() error {
	type entry struct {
		Scenario string          `json:"scenario"`
		Server   string          `json:"server"`
		Rounds   []*bench.Result `json:"rounds"`
	}
	var all []entry
	for _, t := range c.tables {
		for _, r := range t.rows {
			all = append(all, entry{t.scenario.name, r.peer.name, r.results})
		}
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.options.json, b, 0o666)
}
