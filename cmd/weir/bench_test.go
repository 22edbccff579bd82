package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// short makes a scenario run no longer than it has to.
var short = []string{"--duration", "200ms", "--warmup", "0"}

// TestBench runs the scenarios that take a moment, against our own server.
func TestBench(t *testing.T) {
	s := weirtest.Echo(t)
	for _, test := range []struct {
		scenario string
		flags    []string
		path     string
		unit     string
	}{
		{"echo", append([]string{"--conns", "10", "--in-flight", "4", "--size", "1k", "--text"}, short...), "/echo", "message"},
		{"echo", []string{"--conns", "2", "--messages", "100", "--warmup", "0", "--size", "0"}, "/echo", "message"},
		{"rate", append([]string{"--conns", "10", "--rate", "500"}, short...), "/echo", "message"},
		{"broadcast", append([]string{"--conns", "10"}, short...), "/broadcast", "delivery"},
		{"connect", append([]string{"--dialing", "4"}, short...), "/echo", "handshake"},
		{"churn", append([]string{"--conns", "10"}, short...), "/echo", "connection"},
		{"soak", append([]string{"--conns", "10", "--rate", "100", "--every", "100ms"}, short...), "/echo", "message"},
	} {
		t.Run(strings.Join(append([]string{test.scenario}, test.flags...), " "), func(t *testing.T) {
			args := append([]string{"bench", test.scenario, "--json", s.URL("ws", test.path)}, test.flags...)
			if runtime.GOOS == "linux" {
				args = append(args, "--pid", fmt.Sprint(s.PID()))
			}
			got := weirtest.Run(t, "", args...)
			if got.Exit != 0 || got.Stderr != "" {
				t.Fatalf("got %d, %q, want 0 and nothing", got.Exit, got.Stderr)
			}
			var result struct {
				Scenario, Unit string
				Count          int64
				Server         *struct{}
			}
			if err := json.Unmarshal([]byte(got.Stdout), &result); err != nil {
				t.Fatal(err)
			}
			if result.Scenario != test.scenario || result.Unit != test.unit || result.Count == 0 {
				t.Errorf("got %+v, want %ss of %s", result, test.unit, test.scenario)
			}
			if (result.Server != nil) != (runtime.GOOS == "linux") {
				t.Errorf("the server's part: got %v", result.Server)
			}
		})
	}
}

// TestBenchIdle finds out what a connection holds, or asks for the process.
func TestBenchIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells how much memory a process has")
	}
	s := weirtest.Echo(t, "--stats", "127.0.0.1:0")
	stats := s.Stdout(`stats on (http://[^/]+)/stats`)[1]
	flags := []string{"bench", "idle", "--conns", "100", "--settle", "10ms", "--trim", stats + "/trim", s.URL("ws", "/echo")}
	got := weirtest.Run(t, "", flags...)
	want := fmt.Sprintf("It is %d (weir): weir bench idle --pid %d %s", s.PID(), s.PID(), s.URL("ws", "/echo"))
	if got.Exit != 2 || !strings.Contains(got.Stderr, "wants the server's process") || !strings.Contains(got.Stderr, want) {
		t.Errorf("without --pid: got %+v, want exit code 2 and %q", got, want)
	}
	got = weirtest.Run(t, "", append(flags, "--pid", fmt.Sprint(s.PID()))...)
	if got.Exit != 0 || got.Stderr != "" || !strings.Contains(got.Stdout, "per connection") {
		t.Errorf("got %+v, want a table with the bytes per connection", got)
	}
}

// TestBenchTable is what people get: a table, and plots in a directory.
func TestBenchTable(t *testing.T) {
	s := weirtest.Echo(t)
	dir := filepath.Join(t.TempDir(), "plots")
	got := weirtest.Run(t, "", append([]string{"bench", "echo", "--conns", "2", "--out", dir, s.URL("ws", "/echo")}, short...)...)
	if got.Exit != 0 || !strings.Contains(got.Stdout, "p99") {
		t.Errorf("got %+v, want a table", got)
	}
	plot, err := os.ReadFile(filepath.Join(dir, "echo-latency.svg"))
	if err != nil || !strings.Contains(string(plot), "</svg>") {
		t.Errorf("got %d bytes, %v, want a plot", len(plot), err)
	}
	if !strings.Contains(got.Stderr, "weir: wrote "+dir) {
		t.Errorf("got %q, want the plots in it", got.Stderr)
	}
}

// TestBenchMistakes: each is a sentence.
func TestBenchMistakes(t *testing.T) {
	for _, test := range []struct {
		args string
		exit int
		want []string
	}{
		{"ecoh ws://127.0.0.1:1/", 2, []string{`weir bench has no command "ecoh"`, "Did you mean: weir bench echo"}},
		{"ws://127.0.0.1:1/", 2, []string{"wants a scenario", "Try: weir bench echo ws://127.0.0.1:1/"}},
		{"echo", 2, []string{"wants the URL", "weir bench echo ws://127.0.0.1:9001/echo"}},
		{"echo --conn 5 ws://127.0.0.1:1/", 2, []string{"has no flag --conn", "Did you mean --conns?"}},
		{"echo --conns -5 ws://127.0.0.1:1/", 2, []string{"--conns is negative"}},
		{"echo --conns 0 ws://127.0.0.1:1/", 2, []string{"--conns is 0"}},
		{"rate --rate 0 ws://127.0.0.1:1/", 2, []string{"--rate is 0"}},
		{"rate --rate nan ws://127.0.0.1:1/", 1, []string{"PerSecond is NaN"}},
		{"echo --duration 0 ws://127.0.0.1:1/", 2, []string{"--duration is 0s"}},
		{"echo --size 0 --warmup 0 --messages 0 ws://127.0.0.1:1/", 1, []string{"nothing listens"}},
		{"soak --churn 0 ws://127.0.0.1:1/", 1, []string{"nothing listens"}},
		{"echo --size big ws://127.0.0.1:1/", 2, []string{"--size big is wrong"}},
		{"echo ftp://127.0.0.1/", 2, []string{"its scheme is ftp"}},
		{"echo ws://127.0.0.1:1/", 1, []string{"nothing listens on 127.0.0.1:1", "weir echo starts one"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := weirtest.Run(t, "", append([]string{"bench"}, strings.Fields(test.args)...)...)
			if got.Exit != test.exit || got.Stdout != "" {
				t.Errorf("exit code and output: got %d, %q, want %d and nothing", got.Exit, got.Stdout, test.exit)
			}
			for _, want := range test.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("got %q, want %q in it", got.Stderr, want)
				}
			}
		})
	}
}

// TestBenchWrong: what a server does wrong is a failure, with what to look at.
func TestBenchWrong(t *testing.T) {
	s := weirtest.Echo(t)
	got := weirtest.Run(t, "", append([]string{"bench", "echo", s.URL("ws", "/broadcast")}, short...)...)
	if got.Exit != 1 || !strings.Contains(got.Stderr, "byte 0 is") || !strings.Contains(got.Stderr, "Does this path send back what it gets?") {
		t.Errorf("an echo of a path that is none: got %+v", got)
	}
	got = weirtest.Run(t, "", append([]string{"bench", "churn", "--conns", "3", "ws://" + everyThird(t, s.Host) + "/echo"}, short...)...)
	if got.Exit != 1 || !strings.Contains(got.Stdout, "clean") || !strings.Contains(got.Stderr, "connections came to a bad end, the first of them:") {
		t.Errorf("some connections that fail: got %+v, want a table and a failure", got)
	}
}

// everyThird is the address of a proxy that closes every third connection at once.
func everyThird(t *testing.T, to string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener; the cleanup waits
		for n := 0; ; n++ {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if n%3 == 2 {
				nc.Close()
				continue
			}
			serving.Go(func() { // ends with the connection
				defer nc.Close()
				up, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer up.Close()
				serving.Go(func() { // ends with the other direction, at the latest
					io.Copy(up, nc)
					up.(*net.TCPConn).CloseWrite()
				})
				io.Copy(nc, up)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	return ln.Addr().String()
}

// TestBenchMillion: what cannot be run is said. (make million runs it, in CI too.)
func TestBenchMillion(t *testing.T) {
	for _, test := range []struct {
		flags []string
		exit  int
		says  string
	}{
		{[]string{"--conns", "1"}, 1, "Conns is 1"},
		{[]string{"--conns", "1", "--budget", "0"}, 1, "Conns is 1"},
		{[]string{"--conns", "-1"}, 2, "--conns is negative"},
		{[]string{"--way", "kvm"}, 1, `there are "host" and "uml"`},
		{[]string{"ws://127.0.0.1/"}, 2, "takes no argument"},
	} {
		got := weirtest.Run(t, "", append([]string{"bench", "million"}, test.flags...)...)
		if got.Exit != test.exit || !strings.Contains(got.Stderr, test.says) && !strings.Contains(got.Stderr, "need Linux") {
			t.Errorf("%q: got %d, %q, want %d and %q", test.flags, got.Exit, got.Stderr, test.exit, test.says)
		}
	}
	if got := weirtest.Run(t, "", "million-guest"); got.Exit != 1 || strings.Contains(weirtest.Run(t, "", "--help").Stdout, "million-guest") {
		t.Errorf("got %+v, want a refusal outside of a guest, and no word in --help", got)
	}
}
