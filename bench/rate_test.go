package bench

import (
	"context"
	"math"
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
	s := &schedule{interval: 1e9 / 3, start: 100}
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

// What no clock can keep is refused: NaN passes every comparison that looks for the bad.
func TestRateRefusesOptions(t *testing.T) {
	ctx, at := context.Background(), Target{URL: "ws://127.0.0.1:1/"}
	if _, err := Rate(ctx, RateOptions{Target: at, Conns: -1}); err == nil || !strings.Contains(err.Error(), "Conns") {
		t.Errorf("got %v for -1 connections", err)
	}
	for _, v := range []float64{-1, 1e9, 1e-10, math.NaN(), math.Inf(1), 5e-324} {
		_, rate := Rate(ctx, RateOptions{Target: at, PerSecond: v})
		_, broadcast := Broadcast(ctx, BroadcastOptions{Target: at, PerSecond: v})
		_, soak := Soak(ctx, SoakOptions{Target: at, PerSecond: v})
		for name, err := range map[string]error{"Rate": rate, "Broadcast": broadcast, "Soak": soak} {
			if err == nil || !strings.Contains(err.Error(), "PerSecond is") {
				t.Errorf("%s: got %v for %v", name, err, v)
			}
		}
		if _, err := Soak(ctx, SoakOptions{Target: at, Churn: v}); v > 0 && (err == nil || !strings.Contains(err.Error(), "Churn is")) {
			t.Errorf("got %v for %v", err, v)
		}
	}
}

// However much is due, what came is read in between, and the context heard.
func TestScheduleBursts(t *testing.T) {
	g := &generator{clock: clock{time.Now().Add(-time.Minute)}}
	s := newSchedule(1e6)
	s.to = int64(time.Hour)
	sent := 0
	wake := s.step(g, g.clock.now(), func(k, now int64) {
		if k != int64(sent) {
			t.Errorf("got message %d, want %d", k, sent)
		}
		sent++
	})
	if sent != maxBurst || wake > g.clock.now() {
		t.Errorf("%d messages of a minute were sent at once, want %d, and again at once", sent, maxBurst)
	}
	if l := s.lag.latency(); l.Count != maxBurst || l.Min < 59*time.Second {
		t.Errorf("got %d times of at least %v, want %d of a minute", l.Count, l.Min, maxBurst)
	}
}

// What was due before the end of the window is sent behind it, if it comes to that.
func TestScheduleFinish(t *testing.T) {
	server := new(testServer).start(t)
	e, err := Target{URL: server.url()}.resolve(1, false)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGenerator(context.Background(), e, newFrames(8, false, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	s := newRateScene(g, 1e6)
	if s.conns, err = g.dialAll(nil, 1, s); err != nil {
		t.Fatal(err)
	}
	s.begin(&Load{Duration: 3 * time.Millisecond}, g.clock.now()-int64(time.Second))
	if err := s.finish(g, s.step); err != nil {
		t.Fatal(err)
	}
	if l := s.meter.latency.latency(); l == nil || l.Count != 3000 {
		t.Errorf("got %+v, want 3000 latencies", l)
	}
}
