//go:build unix

package main_test

import (
	"context"
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

// draining starts a weir serve that drains like that.
func draining(t *testing.T, delay, over time.Duration) *weirtest.Server {
	t.Helper()
	t.Setenv("WEIR_DRAIN_DELAY", delay.String())
	t.Setenv("WEIR_DRAIN_DURATION", over.String())
	t.Setenv("WEIR_LIMITS_CONNECT_RATE", "0")
	return weirtest.Serve(t)
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
	conns, over := 100, 500*time.Millisecond
	text, measured := os.LookupEnv("WEIR_DRAIN_CONNS")
	if measured {
		var err error
		if conns, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		over = 30 * time.Second
	}
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
