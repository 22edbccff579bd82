package million

import (
	"testing"
	"time"
)

func TestParseCollection(t *testing.T) {
	c, ok := parseCollection("gc 12 @3.5s 2%: 0.25+12.5+0.5 ms clock, 0.5+1/2/3+1.5 ms cpu, 8->9->4 MB, 9 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)")
	want := collection{
		percent: 2, sweep: 250 * time.Microsecond, mark: 12500 * time.Microsecond, finish: 500 * time.Microsecond,
		cpu: 8 * time.Millisecond, isForced: true,
	}
	if !ok || c != want {
		t.Errorf("got %+v, %v, want %+v", c, ok, want)
	}
	for _, line := range []string{
		"", "gc", "scvg: 8 MB released",
		`{"time":"2026-11-23T04:30:58Z","level":"WARN","msg":"gc 12 @3.5s 2%: no"}`,
	} {
		if _, ok := parseCollection(line); ok {
			t.Errorf("%q was read as a collection", line)
		}
	}
}

func TestGCAdd(t *testing.T) {
	var g GC
	g.add(collection{percent: 3, sweep: 1, mark: 10, finish: 5, cpu: 20, isForced: true})
	g.add(collection{percent: 2, sweep: 4, mark: 7, finish: 2, cpu: 30})
	want := GC{Count: 2, Forced: 1, Percent: 2, Paused: 12, Longest: 5, Concurrent: 10, CPU: 50}
	if g != want {
		t.Errorf("got %+v, want %+v", g, want)
	}
}
