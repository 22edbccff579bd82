package bench

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestConnect(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var asked atomic.Int64
		s := (&testServer{accept: func(key string) string {
			if asked.Add(1) == 20 {
				cancel() // of these at most four are under way
			}
			return rightAnswer(key)
		}}).start(t)
		at.URL, at.Dialing = s.url(), 4
		r, err := Connect(ctx, ConnectOptions{Target: at, Load: Load{Duration: time.Hour, Warmup: -1}})
		if !errors.Is(err, context.Canceled) || r == nil {
			t.Fatalf("got %v and %v, want what was measured until the context ended", r, err)
		}
		if r.Count < 16 || r.Latency == nil || r.Latency.Count != r.Count {
			t.Errorf("got %d handshakes, %+v, want at least 16 with a latency each", r.Count, r.Latency)
		}
	})
}

func TestConnectRefused(t *testing.T) {
	tests := []struct {
		name   string
		accept func(key string) string
		want   string
	}{
		{"status", func(string) string { return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" }, "403 Forbidden"},
		{"key", func(string) string {
			return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"
		}, "Sec-WebSocket-Accept"},
		{"not HTTP", func(string) string { return "hello\r\n\r\n" }, "not HTTP/1.1"},
		{"endless head", func(string) string { return strings.Repeat("x", maxHead+2) }, "16 KiB"},
	}
	eachDriver(t, func(t *testing.T, at Target) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := (&testServer{accept: test.accept}).start(t)
				at.URL = s.url()
				_, err := Connect(context.Background(), ConnectOptions{Target: at, Load: Load{Duration: 10 * time.Second}})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want an error with %q", err, test.want)
				}
			})
		}
	})
}

// A server that never answers is given up.
func TestConnectTimeout(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := (&testServer{accept: func(string) string { return "HTTP/1.1 101 never ends\r\n" }}).start(t)
		at.URL, at.DialTimeout = s.url(), 50*time.Millisecond
		_, err := Connect(context.Background(), ConnectOptions{Target: at, Load: Load{Duration: 10 * time.Second}})
		if err == nil || !strings.Contains(err.Error(), "no answer to the handshake") {
			t.Errorf("got %v, want a timeout of the handshake", err)
		}
	})
}

func TestChurnRight(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := new(testServer).start(t)
		at.URL = s.url()
		r, err := Churn(context.Background(), ChurnOptions{Target: at, Load: shortLoad(32), Conns: 6})
		if err != nil {
			t.Fatal(err)
		}
		e := r.Endings
		if e.Failed != 0 {
			t.Errorf("%d connections failed: %q", e.Failed, e.Failures)
		}
		if e.Clean == 0 || e.FIN == 0 || e.RST == 0 || e.good() < r.Count {
			t.Errorf("got %+v for %d connections", e, r.Count)
		}
	})
}

func TestChurnCountsFailures(t *testing.T) {
	s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
		if n%2 == 1 {
			return appendHeader(nil, opClose, 0, nil)
		}
		return append(appendHeader(nil, op, len(p), nil), p...)
	}}).start(t)
	r, err := Churn(context.Background(), ChurnOptions{Target: Target{URL: s.url()}, Load: shortLoad(32), Conns: 4})
	if err != nil {
		t.Fatal(err)
	}
	if e := r.Endings; e.Failed == 0 || len(e.Failures) == 0 || !strings.Contains(e.Failures[0], "1005") {
		t.Errorf("got %+v, want failures with 1005", e)
	}
}

func TestChurnWrongBytesEndIt(t *testing.T) {
	s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
		if n == 20 {
			p[3]++
		}
		return append(appendHeader(nil, op, len(p), nil), p...)
	}}).start(t)
	_, err := Churn(context.Background(), ChurnOptions{
		Target: Target{URL: s.url()}, Load: Load{Duration: 10 * time.Second}, Conns: 4})
	if err == nil || !strings.Contains(err.Error(), "byte 3 is") {
		t.Errorf("got %v, want a mismatch of byte 3", err)
	}
}

func TestChurnNobodyThere(t *testing.T) {
	_, err := Churn(context.Background(), ChurnOptions{
		Target: Target{URL: "ws://127.0.0.1:1/"}, Load: Load{Duration: 10 * time.Second}, Conns: 4})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want connection refused", err)
	}
}

func TestSoak(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := new(testServer).start(t)
		at.URL = s.url()
		r, err := Soak(context.Background(), SoakOptions{
			Target: at, Load: Load{Duration: time.Second, Warmup: -1}, Conns: 5, PerSecond: 500, Churn: 50,
			Every: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if r.Latency.Count != 500 {
			t.Errorf("got %d latencies, want 500", r.Latency.Count)
		}
		if r.Endings.Failed != 0 || r.Endings.good() < 40 {
			t.Errorf("got %+v, want about 50 connections and no failure", r.Endings)
		}
		if len(r.Samples) < 2 || r.Samples[1].P99 == 0 {
			t.Errorf("got %d samples: %+v", len(r.Samples), r.Samples)
		}
	})
}

func TestGrowth(t *testing.T) {
	r := &Result{}
	for i := range 100 {
		s := Sample{Seconds: float64(i * 36), PrivateBytes: 1 << 20}
		if i >= 25 {
			s.PrivateBytes = int64(i) * 1000 // 1000 B in 36 s: 100,000 in an hour
		}
		r.Samples = append(r.Samples, s)
	}
	if got := growth(r).GrowthBytes; got < 99_999 || got > 100_001 {
		t.Errorf("got %v B per hour, want 100000", got)
	}
}

// A server that shakes hands and keeps what it is sent does not hold a scenario up:
// the connection has failed, and so has one that it does not end.
func TestChurnSilence(t *testing.T) {
	for _, test := range []struct {
		name string
		ask  func(s *churnScene, c *conn)
		want string
	}{
		{"no echo", func(s *churnScene, c *conn) { s.opened(c, 0) }, "did not come back"},
		{"no end", func(s *churnScene, c *conn) {
			s.opened(c, 0)
			c.owe(-1)
			s.verified(c, 1, 1)
		}, "did not end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &generator{clock: newClock()}
			s := &churnScene{g: g, live: 1}
			c := newConn(g, 0, s, newFrames(8, false, 1))
			c.state, c.blocked = open, true // its socket is full
			test.ask(s, c)
			if wake := s.expire(2); wake != int64(echoTimeout) && wake != int64(closeTimeout)+1 || c.state == gone {
				t.Fatalf("called again at %d, and the connection is in state %d", wake, c.state)
			}
			s.expire(1 + int64(closeTimeout))
			if c.state != gone || s.live != 0 || s.endings.Failed != 1 || !strings.Contains(s.endings.Failures[0], test.want) {
				t.Errorf("state %d, %d live, %+v, want a failure with %q", c.state, s.live, s.endings, test.want)
			}
		})
	}
}

// A Soak without churn sleeps between messages.
func TestTurnstile(t *testing.T) {
	shut := newTurnstile(0, 5)
	if shut.due(1<<40) || shut.next() <= 1<<40 {
		t.Errorf("a shut one lets through, and asks to be called at %d", shut.next())
	}
	two := newTurnstile(2, 5)
	if !two.due(5) || two.due(6) || two.next() != 5+int64(time.Second)/2 {
		t.Errorf("the second of two per second may pass at %d", two.next())
	}
}
