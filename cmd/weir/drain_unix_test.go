//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// ended is the end of one of a crowd.
type ended struct {
	*engine.CloseError
	at time.Time
}

// crowd opens n clients, and returns where they tell of their ends.
func crowd(t *testing.T, s *weirtest.Server, n int) <-chan ended {
	t.Helper()
	ends := make(chan ended, n)
	client, err := engine.NewClient(engine.Handler{Close: func(_ *engine.Conn, err error) { ends <- ended{err.(*engine.CloseError), time.Now()} }}, &engine.Options{Loops: 1, MaxConns: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for range n {
		if _, err := client.Dial(context.Background(), s.URL("ws", "/ws?topic=news"), nil); err != nil {
			t.Fatal(err)
		}
	}
	return ends
}

// drainConns is how many connections a test of a drain has, and over which time: conns and over, or, to measure it,
// WEIR_DRAIN_CONNS and 30 s.
func drainConns(t *testing.T, conns int, over time.Duration) (int, time.Duration, bool) {
	t.Helper()
	conns, measured := fromEnv(t, "WEIR_DRAIN_CONNS", conns)
	if measured {
		over = 30 * time.Second
	}
	return conns, over, measured
}

// fromEnv is a number of the environment, or n if it has none.
func fromEnv(t *testing.T, name string, n int) (_ int, given bool) {
	t.Helper()
	text, given := os.LookupEnv(name)
	if !given {
		return n, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n, true
}

// draining starts a weir serve that drains like that.
func draining(t *testing.T, delay, over time.Duration) *weirtest.Server {
	t.Helper()
	return weirtest.ServeEnv(t, "WEIR_DRAIN_DELAY="+delay.String(), "WEIR_DRAIN_DURATION="+over.String(), "WEIR_LIMITS_CONNECT_RATE=0")
}

// readiness is what /readyz answers.
func readiness(t *testing.T, s *weirtest.Server) (int, string) {
	t.Helper()
	answer, body := s.Operators("/readyz")
	return answer.StatusCode, body
}

// awaitUnready waits until weir is not ready.
func awaitUnready(t *testing.T, s *weirtest.Server) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		status, body := readiness(t, s)
		if status == http.StatusServiceUnavailable && strings.Contains(body, `{"name":"drain","ready":false,"why":"draining, `) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it is ready for ever: %d, %s", status, body)
		}
	}
}

// TestDrain: at SIGTERM weir is not ready before it closes anything, and takes
// connections for the delay; then it closes all evenly, each with a time of its
// own to come back. WEIR_DRAIN_CONNS=10000 measures it over 30 s.
func TestDrain(t *testing.T) {
	conns, over, measured := drainConns(t, 100, 500*time.Millisecond)
	s := draining(t, 5*time.Second, over)
	ends := crowd(t, s, conns)
	if status, body := readiness(t, s); status != 200 {
		t.Errorf("before: got %d, %s", status, body)
	}
	s.Signal(syscall.SIGTERM)
	awaitUnready(t, s)
	late := dial(t, s.URL("ws", "/ws?topic=news"))
	if len(ends) > 0 {
		t.Errorf("%d are closed, and load balancers could not know yet", len(ends))
	}
	retries := map[int]int{}
	var at []time.Time
	for range conns {
		end := receive(t, ends, "an end")
		ms, err := strconv.Atoi(strings.TrimPrefix(end.Reason, "retry="))
		if end.Code != engine.StatusServiceRestart || !end.Peer || !end.Clean || err != nil || ms < 500 || ms > 500+int(over.Milliseconds()/4+500) {
			t.Fatalf("got %v, want a clean 1012 with retry=", end)
		}
		retries[ms]++
		at = append(at, end.at)
	}
	if len(retries) < conns/20 {
		t.Errorf("%d come back at %d times: %v", conns, len(retries), retries)
	}
	if end := late.end(); end.Code != engine.StatusServiceRestart {
		t.Errorf("who came last got %v", end)
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if !measured {
		return
	}
	tenths := make([]int, 10)
	for _, x := range at {
		tenths[min(int(x.Sub(at[0])*10/over), 9)]++
	}
	t.Logf("%d closed in %v; by tenths of the window: %v; %d different times of return", conns, at[len(at)-1].Sub(at[0]), tenths, len(retries))
	if even := conns / 10; slices.Min(tenths) < even*8/10 || slices.Max(tenths) > even*12/10 {
		t.Errorf("it is not even within 20 %%: %v", tenths)
	}
}

// TestDrainTwice: a second SIGTERM ends a drain at once, with an exit code that
// says that sockets were left.
func TestDrainTwice(t *testing.T) {
	for _, byOperator := range []bool{false, true} {
		t.Run(fmt.Sprint("by an operator ", byOperator), func(t *testing.T) {
			s := draining(t, 0, 24*time.Hour)
			ends := crowd(t, s, 10)
			if byOperator {
				startDrain(t, s, "24h")
			} else {
				s.Signal(syscall.SIGTERM)
			}
			awaitUnready(t, s)
			s.Signal(syscall.SIGTERM)
			if byOperator { // the first only joins what is under way
				s.Stderr("under way already, and goes on")
				s.Signal(syscall.SIGTERM)
			}
			if code := s.Wait(); code != 4 {
				t.Errorf("it ended with %d", code)
			}
			s.Stderr(`weir: the drain ended, and 10 connections were left\.`)
			for range 10 {
				receive(t, ends, "an end")
			}
		})
	}
}

// startDrain is what weir drain does.
func startDrain(t *testing.T, s *weirtest.Server, over string) {
	t.Helper()
	answer, err := http.Post("http://"+s.Admin+"/api/admin/drain", "application/json", strings.NewReader(`{"duration":"`+over+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Fatal(answer.Status)
	}
}

// TestDrainThenTerm: what an operator began goes on when SIGTERM comes, as from
// an orchestrator whose hook drains, and ends as it should.
func TestDrainThenTerm(t *testing.T) {
	s := draining(t, 3*time.Second, time.Hour)
	ends := crowd(t, s, 10)
	startDrain(t, s, "500ms")
	awaitUnready(t, s)
	s.Signal(syscall.SIGTERM)
	for range 10 {
		if end := receive(t, ends, "an end"); end.Code != engine.StatusServiceRestart {
			t.Errorf("got %v", end)
		}
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestHostile76DrainWithStalledPeers: a hundred peers that read nothing, not even a closing frame behind what waits for
// them, are cut off. The others are closed as ever, and weir ends in time: with 0, since nobody is left.
// WEIR_DRAIN_CONNS=10000 measures it.
func TestHostile76DrainWithStalledPeers(t *testing.T) {
	t.Parallel() // it waits
	conns, over, measured := drainConns(t, 20, 100*time.Millisecond)
	s := draining(t, 0, over)
	const stalled = 100
	for range stalled {
		weirtest.Stalled(t, s.Host, "much")
	}
	for waiting := 0; waiting < stalled; {
		s.Publish("much", "text/plain", strings.Repeat("x", 60<<10))
		waiting = pending(t, s, "much")
	}
	ends := crowd(t, s, conns)
	start := time.Now()
	s.Signal(syscall.SIGTERM)
	for range conns {
		if end := receive(t, ends, "an end"); end.Code != engine.StatusServiceRestart || !end.Peer || !end.Clean {
			t.Fatalf("got %v, want a clean 1012", end)
		}
	}
	told := time.Since(start)
	if code := s.Wait(); code != 0 {
		_, stderr := s.Text()
		t.Errorf("it ended with %d:\n%s", code, stderr)
	}
	if measured {
		t.Logf("%d got 1012 within %v, %d read nothing; it ended after %v", conns, told, stalled, time.Since(start))
	}
}

// pending is for how many clients of a topic something waits.
func pending(t *testing.T, s *weirtest.Server, topic string) (n int) {
	t.Helper()
	_, body := s.Operators("/api/admin/conns?limit=1000&topic=" + topic)
	var found struct {
		Conns []struct {
			PendingBytes int `json:"pending_bytes"`
		}
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil {
		t.Fatal(err)
	}
	for _, c := range found.Conns {
		if c.PendingBytes > 0 {
			n++
		}
	}
	return n
}
