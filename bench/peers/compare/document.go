package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/weirws/weir/bench"
)

// intro opens the document.
const intro = `# Benchmarks

weir and its rivals side by side, under one generator, in one run. Run it yourself: ` + "`make bench-peers`" + `.

The figure that compares is **server CPU per message**: user and system time of all threads of the server's process
over the messages of the window. Messages per second are shown beside it; they are often the generator's limit, or
what a closed loop comes to, and say less.

`

// caveats close it.
const caveats = `## What these figures do not say

- One core for the server, one for the generator, and loopback between them: no network card, no interrupts of one, no
  latency. With one small message in flight more than nine tenths of the cost is the kernel's, so servers are closer
  to each other here than their own code is.
- Ratios of one run count, absolute figures of two runs do not. Servers take turns in each round (A B C, then C B A),
  each one freshly started. Figures are medians over the rounds, "× best" is their ratio, and a goal is judged by the
  median of the ratios within each round, which a busy machine disturbs less. Differences below 10 % are ties.
- Each rival is the short server that its own documentation suggests, with its defaults: messages of 16 MiB at most, and,
  but for Bun's, no deadlines and no keep-alive. weir runs with its defaults too, and there limits, deadlines and
  keep-alive are on. gobwas/ws is parts of a server rather than one: here each connection has a goroutine and one buffer,
  and replies to frames that came together leave together, which no other library with goroutines does by itself. gnet
  and netpollbare have no WebSocket of their own: they run a bare decoder that checks next to nothing.
- The bare loop is gnet's netpoll with raw system calls and nothing else: it shows about what small messages cost at
  least, and can be beaten where other things count. It is left out of "× best".
- A server is missing from a table where the library has no such thing, or none that is a matter of a few lines: gnet
  has no TLS, gnet and gobwas/ws do not compress, the bare loop has neither and does not broadcast. The worker pool is
  measured with small echoes only.
- Messages are binary: nobody is charged for validating UTF-8. They come from at most 4096 prepared ones.
- The latencies of a closed loop are those of a server that is never idle: with 1000 messages under way a reply waits
  for a thousand others. Those of the open loop count from the time at which a message should have been sent.
- Private memory is Private_Clean + Private_Dirty of smaps_rollup, per connection as the slope between half and all of
  the connections, after free memory was returned to the system (FreeOSMemory, or a forced collection in Node and Bun)
  and GOGC at its default. "Without trim" is a run of its own in which nobody asked for that.
- Memory that the kernel keeps for a socket is not counted: it is the same for all.
`

// writeDocument writes benchmarks.md and its plots.
func (c *comparison) writeDocument() error {
	plots := filepath.Join(c.options.out, "benchmarks")
	if err := os.MkdirAll(plots, 0o777); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(intro)
	if err := c.writeMachine(&b); err != nil {
		return err
	}
	if t := c.goalTable(); t != nil {
		b.WriteString("## Goals\n\n")
		if err := t.WriteMarkdown(&b); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	for _, t := range c.tables {
		if len(t.rows) == 0 {
			continue
		}
		name := t.scenario.name + ".svg"
		if err := t.writePlot(filepath.Join(plots, name)); err != nil {
			return err
		}
		fmt.Fprintf(&b, "## %s\n\n![%s](benchmarks/%s)\n\n", t.scenario.title(), t.scenario.title(), name)
		if err := t.render().WriteMarkdown(&b); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	b.WriteString(caveats)
	if o := c.options; o.notes != "" {
		notes, err := os.ReadFile(o.notes)
		if err != nil {
			return err
		}
		b.WriteString("\n" + string(notes))
	}
	path := filepath.Join(c.options.out, "benchmarks.md")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		return err
	}
	return nil
}

// writeMachine writes where and with what it was measured.
func (c *comparison) writeMachine(w io.Writer) error {
	m, o := c.machine, c.options
	_, err := fmt.Fprintf(w, "## The machine\n\n%s, %d CPUs, %s, %s; %s. %s. %d rounds, windows of %v after %v of warm-up.\n\n",
		m.cpu, m.cpus, m.kernel, m.goVersion, m.pinning, m.date.Format("2006-01-02"), o.rounds, o.duration, o.warmup)
	if err != nil {
		return err
	}
	t := &bench.Table{Header: []string{"server", "version", "what runs"}, Left: 3}
	for _, p := range c.peers {
		t.Rows = append(t.Rows, []string{p.name, c.version(p), p.what})
	}
	if err := t.WriteMarkdown(w); err != nil {
		return err
	}
	for _, why := range c.missing {
		if _, err := fmt.Fprintf(w, "\nLeft out: %s.", why); err != nil {
			return err
		}
	}
	if len(c.missing) > 0 {
		_, err = io.WriteString(w, "\n")
	}
	_, err2 := io.WriteString(w, "\n")
	return errors.Join(err, err2)
}

// writePlot writes the plot of a table.
func (t *table) writePlot(path string) error {
	chart := bench.BarChart{Title: t.scenario.title() + ": " + t.scenario.unit()}
	for _, r := range t.rows {
		m := t.main(r)
		chart.Bars = append(chart.Bars, bench.BarValue{
			Name: r.peer.name, Value: m.median, Min: m.min, Max: m.max, Ours: r.peer.group == ours})
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(chart.WriteSVG(f), f.Close())
}
