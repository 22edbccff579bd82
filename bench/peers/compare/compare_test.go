package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/bench"
)

func TestParseScenarios(t *testing.T) {
	o := &options{scenarios: "echo-100x16x16K,rate-18000x2000x32,broadcast-5000x128,idle-10000,connect-64,echo-tls-10x1x32,idle-tls-10000x32", duration: time.Second}
	list, err := parseScenarios(o)
	if err != nil {
		t.Fatal(err)
	}
	want := []scenario{
		{kind: "echo", conns: 100, inFlight: 16, size: 16 << 10},
		{kind: "rate", rate: 18000, conns: 2000, size: 32},
		{kind: "broadcast", conns: 5000, size: 128},
		{kind: "idle", conns: 10000},
		{kind: "connect", conns: 64},
		{kind: "echo", conns: 10, inFlight: 1, size: 32, tls: true},
		{kind: "idle", conns: 10000, size: 32, tls: true},
	}
	for i, s := range list {
		got := *s
		got.name, got.load = "", bench.Load{}
		if got != want[i] {
			t.Errorf("got %+v, want %+v", got, want[i])
		}
	}
	for _, name := range []string{"", "echo", "echo-1x1", "echo-1x1x0", "echo-axbxc", "rate-1x2x3x4", "idle--5", "sprint-100", "-deflate", "echo-1x1x1-inflate"} {
		if _, err := parseScenarios(&options{scenarios: name}); err == nil {
			t.Errorf("%q is taken for a scenario", name)
		}
	}
}

func TestSelectPeers(t *testing.T) {
	got, err := selectPeers("gnet,weir")
	if err != nil || len(got) != 2 || got[0].name != "gnet" || got[1].name != "weir" {
		t.Errorf("got %v and %v", got, err)
	}
	if _, err := selectPeers("gnett"); err == nil || !strings.Contains(err.Error(), "gnett") {
		t.Errorf("got %v, want an error that names it", err)
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{3, 1, 2}, spread{2, 1, 3}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4}},
	} {
		if got := spreadOf(test.in); got != test.want {
			t.Errorf("%v: got %v, want %v", test.in, got, test.want)
		}
	}
}

// results makes results of one figure each.
func results(cpu ...float64) (list []*bench.Result) {
	for _, v := range cpu {
		list = append(list, &bench.Result{
			Server: &bench.Usage{CPUMicros: v}, Generator: &bench.Usage{CPUMicros: 3}, PerSecond: 1000,
			Latency: &bench.Latency{P50: time.Millisecond, P99: time.Second}})
	}
	return list
}

// someTable has a noisy round in which everything takes three times as long.
func someTable(t *testing.T) *table {
	t.Helper()
	list, err := parseScenarios(&options{scenarios: "echo-1000x1x32"})
	if err != nil {
		t.Fatal(err)
	}
	tab := &table{scenario: list[0]}
	for _, p := range allPeers() {
		switch p.name {
		case "weir":
			tab.rows = append(tab.rows, &row{peer: p, results: results(8, 24, 8)})
		case "bun":
			tab.rows = append(tab.rows, &row{peer: p, results: results(10, 30, 10)})
		case "netpollbare":
			tab.rows = append(tab.rows, &row{peer: p, results: results(4, 12, 4)})
		}
	}
	return tab
}

func TestRatioIsWithinRounds(t *testing.T) {
	tab := someTable(t)
	tab.row("weir").results = results(8, 24, 10)
	if got := tab.ratio(tab.row("weir"), tab.row("bun"), tab.scenario.figure); got != 0.8 {
		t.Errorf("got %v, want 0.8: the median of 0.8, 0.8 and 1", got)
	}
	if best := tab.best(notFloor, tab.scenario.figure); best.peer.name != "weir" {
		t.Errorf("the best is %s: the bare loop does not count", best.peer.name)
	}
}

func TestWriteDocument(t *testing.T) {
	dir := t.TempDir()
	o := &options{rounds: 3, duration: time.Second, out: dir, serverCPU: -1, clientCPU: -1}
	m, err := readMachine(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{options: o, machine: m, log: io.Discard, root: "..", tables: []*table{someTable(t)}, missing: []string{"ws could not be built: no node"}}
	if err := c.writeDocument(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Left out: ws could not be built: no node.",
		"![Echo: 1000 connections, 1 in flight, 32 B](benchmarks/echo-1000x1x32.svg)",
		"| echo-1000x1x32 | weir   | server CPU µs/message | bun                     | ≤ 0.88 |  0.80 |         reached |",
		"| echo-1000x1x32 | weir   | server CPU µs/message | bare loop (netpollbare) | ≤ 1.15 |  2.00 | **not reached** |",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, "benchmarks", "echo-1000x1x32.svg"))
	if err != nil || !bytes.Contains(svg, []byte("bar ours")) {
		t.Errorf("got %s and %v", svg, err)
	}
}

// A server that cannot be built, or that ends at once, is named and left out.
func TestLeftOut(t *testing.T) {
	o := &options{rounds: 1, serverCPU: -1, clientCPU: -1, scenarios: "echo-1x1x32", duration: 10 * time.Millisecond}
	list, err := parseScenarios(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{options: o, log: io.Discard}
	c.build(context.Background(), []*peer{
		{name: "broken", build: func(context.Context, *comparison) ([]string, error) { return nil, os.ErrNotExist }},
		{name: "short", build: func(context.Context, *comparison) ([]string, error) { return []string{"false"}, nil }},
	})
	if err := c.measure(context.Background(), list[0]); err != nil {
		t.Fatal(err)
	}
	if len(c.missing) != 2 || !strings.Contains(c.missing[0], "broken could not be built") || !strings.Contains(c.missing[1], "short in echo-1x1x32: it ended at once") {
		t.Errorf("got %q", c.missing)
	}
}

// Where server and generator cannot have a CPU each, they have what there is.
func TestPickCPUs(t *testing.T) {
	for _, test := range []struct {
		allowed        []int
		server, client int
	}{{nil, -1, -1}, {[]int{3}, -1, -1}, {[]int{0, 1}, 0, 1}, {[]int{4, 6, 7}, 4, 6}} {
		if server, client := pickCPUs(test.allowed); server != test.server || client != test.client {
			t.Errorf("%v: got %d and %d, want %d and %d", test.allowed, server, client, test.server, test.client)
		}
	}
}

func TestCPUThatIsNotOurs(t *testing.T) {
	if _, err := readMachine(&options{serverCPU: 1 << 10, clientCPU: -1}); err == nil || !strings.Contains(err.Error(), "no CPU 1024") {
		t.Errorf("got %v, want an error that names it", err)
	}
}

// Who is left out of a table is what the document's caveats say.
func TestTakesPart(t *testing.T) {
	list, err := parseScenarios(&options{scenarios: "echo-tls-1x1x32,echo-1x1x1K-deflate,broadcast-1x1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"gnet netpollbare", "weir-workers gnet gobwas netpollbare", "weir-workers netpollbare"}
	for i, s := range list {
		var out []string
		for _, p := range allPeers() {
			if !p.takesPart(s) {
				out = append(out, p.name)
			}
		}
		if got := strings.Join(out, " "); got != want[i] {
			t.Errorf("%s: without %s, want it without %s", s.name, got, want[i])
		}
	}
}

// A ratio that is not reached does not look like its goal.
func TestBeside(t *testing.T) {
	for _, test := range []struct {
		ratio, limit float64
		want         string
	}{{0.504, 0.5, "0.504"}, {0.496, 0.5, "0.50"}, {0.5, 0.5, "0.50"}, {0.514, 0.5, "0.51"}} {
		if got := beside(test.ratio, test.limit); got != test.want {
			t.Errorf("%v beside %v: got %s, want %s", test.ratio, test.limit, got, test.want)
		}
	}
}
