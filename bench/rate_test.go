package bench

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server that stalls once is charged for every message that should have been sent
// meanwhile, not only for those that were under way: at 1000 messages a second, a
// stall of 400 ms makes 400 of 2000 messages late, by 200 ms on average. A generator
// that waits for answers before it sends would see four late messages.
func TestRateStallIsSeen(t *testing.T) {
	const stall = 400 * time.Millisecond
	eachDriver(t, func(t *testing.T, at Target) {
		var once sync.Once
		var gate sync.RWMutex
		s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
			if n == 500 {
				once.Do(func() {
					gate.Lock()
					defer gate.Unlock()
					time.Sleep(stall) // the stall is what is tested
				})
			}
			gate.RLock()
			defer gate.RUnlock()
			return append(appendHeader(nil, op, len(p), nil), p...)
		}}).start(t)
		at.URL = s.url()
		r, err := Rate(context.Background(), RateOptions{
			Target: at, Load: Load{Duration: 2 * time.Second, Warmup: -1}, Conns: 4, PerSecond: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if r.Latency.Count != 2000 {
			t.Errorf("got %d latencies, want one for each of 2000 messages", r.Latency.Count)
		}
		for _, want := range []struct {
			name string
			got  time.Duration
			min  time.Duration
		}{
			{"max", r.Latency.Max, stall * 95 / 100},
			{"p99", r.Latency.P99, stall * 9 / 10},
			{"p90", r.Latency.P90, stall * 4 / 10},
		} {
			if want.got < want.min {
				t.Errorf("%s is %v, want at least %v", want.name, want.got, want.min)
			}
		}
	})
}

func TestRateIntendedTimes(t *testing.T) {
	s := &rateScene{interval: 1e9 / 3, start: 100}
	for k, want := range []int64{100, 333333433, 666666766, 1000000100} {
		if got := s.intended(int64(k)); got != want {
			t.Errorf("message %d: got %d, want %d", k, got, want)
		}
	}
}

// A message that never comes is an error, and has a latency nevertheless.
func TestRateChargesMissing(t *testing.T) {
	g := &generator{clock: clock{time.Now().Add(-time.Minute)}}
	s := newRateScene(g, 10)
	s.to = int64(time.Hour)
	c := newConn(g, 0, s, newFrames(8, false, 1))
	s.conns = []*conn{c}
	c.owe(3)
	s.chargeMissing()
	if l := s.meter.latency.latency(); l.Count != 3 || l.Min < 59*time.Second {
		t.Errorf("got %d latencies of at least %v, want 3 of a minute", l.Count, l.Min)
	}
}

func TestRateRefusesOptions(t *testing.T) {
	for _, o := range []RateOptions{{Conns: -1}, {PerSecond: -1}, {PerSecond: 1e9}} {
		if _, err := Rate(context.Background(), o); err == nil || !strings.Contains(err.Error(), "PerSecond") {
			t.Errorf("got %v for %+v", err, o)
		}
	}
}
