package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestBroadcastRight(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := (&testServer{room: true, reply: func(n int64, op byte, p []byte) []byte {
			if n == 30 {
				cancel() // of these at most three are under way
			}
			return append(appendHeader(nil, op, len(p), nil), p...)
		}}).start(t)
		at.URL = s.url()
		r, err := Broadcast(ctx, BroadcastOptions{
			Target: at, Load: Load{Size: 128, Duration: time.Hour, Warmup: -1}, Conns: 20, InFlight: 3})
		if !errors.Is(err, context.Canceled) || r == nil {
			t.Fatalf("got %v and %v, want what was measured until the context ended", r, err)
		}
		// Each message reaches 20 receivers, and the sender sooner or later.
		sent := s.messages.Load()
		if r.Count < 27*20 || r.Count > sent*21 {
			t.Errorf("got %d deliveries of %d messages to 20", r.Count, sent)
		}
		if r.Latency == nil || r.Latency.Count > r.Count {
			t.Errorf("got %+v", r.Latency)
		}
	})
}

func TestBroadcastWrong(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := (&testServer{room: true, reply: func(n int64, op byte, p []byte) []byte {
			if n == 10 {
				p[100]++
			}
			return append(appendHeader(nil, op, len(p), nil), p...)
		}}).start(t)
		at.URL = s.url()
		_, err := Broadcast(context.Background(), BroadcastOptions{
			Target: at, Load: Load{Size: 128, Duration: 10 * time.Second}, Conns: 5})
		if err == nil || !strings.Contains(err.Error(), "byte 100 is") {
			t.Errorf("got %v, want a mismatch of byte 100", err)
		}
	})
}

// At a fixed rate, beside connections that read nothing, every receiver gets every message.
func TestBroadcastStalled(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := (&testServer{room: true}).start(t)
		at.URL = s.url()
		r, err := Broadcast(context.Background(), BroadcastOptions{Target: at, Load: shortLoad(128), Conns: 5, Stalled: 7, PerSecond: 500})
		if err != nil {
			t.Fatal(err)
		}
		if r.Latency == nil || r.Latency.Count != 500 || r.Lag == nil || r.Lag.Count != 100 {
			t.Errorf("got %d deliveries, %+v, %+v, want 100 messages for each of 5", r.Count, r.Latency, r.Lag)
		}
	})
	if _, err := Broadcast(context.Background(), BroadcastOptions{Target: Target{URL: "wss://127.0.0.1:1/"}, Stalled: 1}); err != errStalledTLS {
		t.Errorf("got %v", err)
	}
}

// At a fixed rate a message that comes after the window, or never, has a latency too.
func TestBroadcastChargesLate(t *testing.T) {
	g := &generator{clock: clock{time.Now().Add(-time.Minute)}}
	s := &broadcastScene{strict: strict{g}, schedule: newSchedule(10), meter: newMeter(g, "delivery")}
	s.to = int64(time.Second)
	for id := range 3 {
		c := newConn(g, id, s, newFrames(8, false, 1))
		s.opened(c, 0)
		c.owe(15) // of which ten were meant for the window
		s.conns = append(s.conns, c)
	}
	late := s.conns[1]
	late.owe(-2)
	late.in.seen = 2
	s.verified(late, 2, g.clock.now())
	s.chargeMissing()
	if l := s.meter.latency.latency(); l.Count != 20 || l.Min < 58*time.Second {
		t.Errorf("got %d latencies of at least %v, want 20 of a minute", l.Count, l.Min)
	}
}
