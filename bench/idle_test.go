package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory of a process can be read on Linux only")
	}
	var posts atomic.Int64
	trim := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
	}))
	defer trim.Close()
	eachDriver(t, func(t *testing.T, at Target) {
		posts.Store(0)
		s := new(testServer).start(t)
		at.URL, at.PID = s.url(), os.Getpid()
		r, err := Idle(context.Background(), IdleOptions{Target: at, Conns: 30, Trim: trim.URL, Settle: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		m := r.Idle
		if posts.Load() != 3 || !m.Trimmed {
			t.Errorf("got %d trims, want one per reading", posts.Load())
		}
		var conns []int
		for _, reading := range m.Readings {
			conns = append(conns, reading.Conns)
			if reading.Raw <= 0 || reading.Trimmed <= 0 {
				t.Errorf("got %+v", reading)
			}
		}
		if len(conns) != 3 || conns[0] != 0 || conns[1] != 15 || conns[2] != 30 {
			t.Fatalf("got readings with %v connections, want 0, 15 and 30", conns)
		}
		if want := float64(m.Readings[2].Trimmed-m.Readings[1].Trimmed) / 15; m.PerConn != want {
			t.Errorf("got %v B per connection, want %v", m.PerConn, want)
		}
	})
}

func TestIdleRefuses(t *testing.T) {
	s := new(testServer).start(t)
	refused := httptest.NewServer(http.NotFoundHandler())
	defer refused.Close()
	tests := []struct {
		name, want string
		o          IdleOptions
	}{
		{"no PID", "give its PID", IdleOptions{}},
		{"one connection", "at least 2", IdleOptions{Conns: 1}},
		{"trim", "404", IdleOptions{Target: Target{PID: os.Getpid()}, Trim: refused.URL, Settle: time.Millisecond}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.o.PID != 0 && runtime.GOOS != "linux" {
				t.Skip("memory of a process can be read on Linux only")
			}
			test.o.URL = s.url()
			if _, err := Idle(context.Background(), test.o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}
