package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestBenchHostile: our own server passes, and it is the exit code that says so.
func TestBenchHostile(t *testing.T) {
	s := weirtest.Echo(t)
	args := []string{"bench", "hostile", "--witnesses", "10", "--lines", "1-9,20-24,43", s.URL("ws", "/echo")}
	got := weirtest.Run(t, "", append(args, "--json")...)
	var result struct {
		Lines []struct {
			Line, Tried, Wrong int
			Seen               string
		}
	}
	if err := json.Unmarshal([]byte(got.Stdout), &result); err != nil || got.Exit != 0 || got.Stderr != "" {
		t.Fatalf("got %d, %q, %v, want 0 and nothing:\n%s", got.Exit, got.Stderr, err, got.Stdout)
	}
	if len(result.Lines) != 15 {
		t.Errorf("got %d lines, want 15", len(result.Lines))
	}
	for _, l := range result.Lines {
		if l.Tried == 0 || l.Wrong > 0 {
			t.Errorf("line %d: %s", l.Line, l.Seen)
		}
	}
	got = weirtest.Run(t, "", append(args, "--max-message", "2m")...) // it takes 1 MiB
	if got.Exit != 0 {
		t.Errorf("with a limit that is not the server's: got %+v", got)
	}
	got = weirtest.Run(t, "", "bench", "hostile", "--witnesses", "10", "--lines", "32", "--max-message", "2m", s.URL("ws", "/echo"))
	if got.Exit != 1 || !strings.Contains(got.Stdout, "FAILED") || !strings.Contains(got.Stderr, "1 of 1 lines failed") {
		t.Errorf("a line that fails: got %+v, want exit code 1", got)
	}
	got = weirtest.Run(t, "", "bench", "hostile", "--lines", "18,33", s.URL("ws", "/echo"))
	if got.Exit != 1 || !strings.Contains(got.Stderr, "none of these lines can be tried from outside") {
		t.Errorf("no line: got %+v, want exit code 1", got)
	}
	got = weirtest.Run(t, "", "bench", "hostile", "--lines", "4-x", s.URL("ws", "/echo"))
	if got.Exit != 2 || !strings.Contains(got.Stderr, "is no list of lines") {
		t.Errorf("bad lines: got %+v, want exit code 2", got)
	}
}
