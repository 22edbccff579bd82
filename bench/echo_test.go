package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEchoRight(t *testing.T) {
	sizes := map[string]int{"empty": -1, "small": 32, "126": 126, "64KiB": 1 << 16, "1MiB": 1 << 20}
	eachDriver(t, func(t *testing.T, at Target) {
		for name, size := range sizes {
			t.Run(name, func(t *testing.T) {
				s := new(testServer).start(t)
				at.URL = s.url()
				const want = 40
				r, err := Echo(context.Background(), EchoOptions{
					Target: at, Load: shortLoad(size), Conns: 4, InFlight: 3, Messages: want})
				if err != nil {
					t.Fatal(err)
				}
				if r.Count < want || r.Latency.Count != r.Count {
					t.Errorf("got %d messages with %d latencies, want at least %d", r.Count, r.Latency.Count, want)
				}
				if got := s.messages.Load(); got < r.Count || got > r.Count+4*3 {
					t.Errorf("the server counted %d messages, the generator %d", got, r.Count)
				}
			})
		}
	})
}

func TestEchoTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	s := (&testServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}}).start(t)
	at := Target{URL: "wss" + strings.TrimPrefix(s.url(), "ws"), TLS: &tls.Config{RootCAs: roots}}
	r, err := Echo(context.Background(), EchoOptions{Target: at, Load: shortLoad(5000), Conns: 3, Messages: 50})
	if err != nil {
		t.Fatal(err)
	}
	if r.Count < 50 {
		t.Errorf("got %d messages, want at least 50", r.Count)
	}
	at.TLS = nil
	if _, err := Echo(context.Background(), EchoOptions{Target: at, Load: shortLoad(32)}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v for a certificate that nobody vouches for", err)
	}
}

// A server may fragment, and put control frames between fragments.
func TestEchoOtherFraming(t *testing.T) {
	frame := func(first byte, p []byte) []byte {
		f := append(appendHeader(nil, first&bitsOp, len(p), nil), p...)
		f[0] = first
		return f
	}
	eachDriver(t, func(t *testing.T, at Target) {
		s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
			if n%3 == 0 {
				return frame(bitFin|op, p)
			}
			b := frame(op, p[:7])
			b = append(b, frame(bitFin|opPing, []byte("between"))...)
			b = append(b, frame(opContinuation, nil)...)
			return append(b, frame(bitFin|opContinuation, p[7:])...)
		}}).start(t)
		at.URL = s.url()
		r, err := Echo(context.Background(), EchoOptions{
			Target: at, Load: Load{Text: true, Warmup: -1}, Conns: 3, InFlight: 5, Messages: 300})
		if err != nil {
			t.Fatal(err)
		}
		if r.Count < 300 || s.pongs.Load() < 100 {
			t.Errorf("got %d messages and %d pongs, want at least 300 and 100", r.Count, s.pongs.Load())
		}
	})
}

// What a server gets wrong must end the run with an error that says so.
func TestEchoWrong(t *testing.T) {
	right := func(op byte, p []byte) []byte { return append(appendHeader(nil, op, len(p), nil), p...) }
	tests := []struct {
		name  string
		reply func(op byte, p []byte) []byte
		want  string
	}{
		{"one bit of one byte", func(op byte, p []byte) []byte {
			p[17] ^= 0x10
			return right(op, p)
		}, "byte 17 is"},
		{"last byte", func(op byte, p []byte) []byte {
			p[len(p)-1]++
			return right(op, p)
		}, "byte 31 is"},
		{"too short", func(op byte, p []byte) []byte { return right(op, p[:31]) }, "too short"},
		{"too long", func(op byte, p []byte) []byte { return right(op, append(p, 0)) }, "too long"},
		{"twice", func(op byte, p []byte) []byte { return append(right(op, p), right(op, p)...) }, "byte 0 is"},
		{"text for binary", func(_ byte, p []byte) []byte { return right(opText, p) }, "as text"},
		{"masked", func(op byte, p []byte) []byte { return appendMasked(nil, op, p, [4]byte{1, 2, 3, 4}) }, "masked"},
		{"RSV1", func(op byte, p []byte) []byte {
			b := right(op, p)
			b[0] |= 0x40
			return b
		}, "reserved bit"},
		{"reserved opcode", func(_ byte, p []byte) []byte { return right(3, p) }, "opcode"},
		{"long length", func(op byte, p []byte) []byte {
			return append([]byte{bitFin | op, 126, 0, 32}, p...)
		}, "shortest form"},
		{"continuation of nothing", func(_ byte, p []byte) []byte { return right(opContinuation, p) }, "continuation"},
		{"close", func(byte, []byte) []byte { return right(opClose, []byte("\x03\xf3oops")) }, `1011 "oops"`},
	}
	eachDriver(t, func(t *testing.T, at Target) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
					if n != 50 {
						return right(op, p)
					}
					return test.reply(op, p)
				}}).start(t)
				at.URL = s.url()
				r, err := Echo(context.Background(), EchoOptions{
					Target: at, Load: Load{Duration: 10 * time.Second, Warmup: -1}, Conns: 2, InFlight: 2})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want an error with %q", err, test.want)
				}
				if r != nil {
					t.Error("a run that failed has a result")
				}
			})
		}
	})
}

// A message of another connection is as wrong as any other.
func TestEchoMixedUp(t *testing.T) {
	var before []byte
	s := (&testServer{reply: func(n int64, op byte, p []byte) []byte {
		if n != 20 {
			before = bytes.Clone(p)
			return append(appendHeader(nil, op, len(p), nil), p...)
		}
		return append(appendHeader(nil, op, len(p), nil), before...)
	}}).start(t)
	_, err := Echo(context.Background(), EchoOptions{
		Target: Target{URL: s.url()}, Load: Load{Duration: 10 * time.Second, Warmup: -1}, Conns: 1})
	var wrong *MismatchError
	if !errors.As(err, &wrong) || wrong.Message != 20 {
		t.Errorf("got %v, want a mismatch of message 20", err)
	}
}

func TestEchoContextEndsIt(t *testing.T) {
	eachDriver(t, func(t *testing.T, at Target) {
		s := new(testServer).start(t)
		at.URL = s.url()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		at.Progress = func(p Progress) {
			if p.Phase == "measuring" {
				cancel()
			}
		}
		r, err := Echo(ctx, EchoOptions{Target: at, Load: Load{Duration: time.Hour, Warmup: -1}, Conns: 2})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		if r == nil || r.Count == 0 || r.Seconds <= 0 {
			t.Errorf("got %+v, want what was measured so far", r)
		}
	})
}

func TestEchoRefusesOptions(t *testing.T) {
	tests := []struct {
		name string
		o    EchoOptions
		want string
	}{
		{"no URL", EchoOptions{}, "no URL"},
		{"scheme", EchoOptions{Target: Target{URL: "http://127.0.0.1:1/"}}, "neither ws:// nor wss://"},
		{"connections", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}, Conns: -1}, "negative"},
		{"in flight", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}, InFlight: -1}, "InFlight"},
		{"size", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}, Load: Load{Size: 1<<26 + 1}}, "64 MiB"},
		{"nobody there", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}}, "refused"},
		{"no host", EchoOptions{Target: Target{URL: "ws://:1/"}}, "no host"},
		{"user", EchoOptions{Target: Target{URL: "ws://me:secret@127.0.0.1:1/"}}, "Authorization"},
		{"duration", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}, Load: Load{Duration: math.MaxInt64}}, "a year"},
		{"warm-up", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/"}, Load: Load{Warmup: math.MaxInt64}}, "a year"},
		{"header", EchoOptions{Target: Target{URL: "ws://127.0.0.1:1/", Header: map[string][]string{"A": {"b\r\nc"}}}}, "line break"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Echo(context.Background(), test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
