package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// quick are pauses of a test.
func quick(o KeepOptions) *KeepOptions {
	o.MinDelay, o.MaxDelay = time.Millisecond, 20*time.Millisecond
	return &o
}

// keepers counts the goroutines of Keep.
func keepers() int {
	b := make([]byte, 4<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), ".(*kept).run(")
}

// TestKeep: connections come back when their server does, with a goroutine each while it is away, and none while it is
// there.
func TestKeep(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		const many = 50
		opened := make(chan *Conn, many)
		var told atomic.Int64
		cl := r.client(t, Handler{
			Open:  func(c *Conn) { opened <- c },
			Close: func(*Conn, error) { told.Add(1) },
		}, nil)
		s := r.make(t, echo, nil)
		s.listen("127.0.0.1:0")
		ctx, cancel := context.WithCancelCause(context.Background())
		enough := errors.New("enough")
		ended := make(chan error, many)
		for i := range many {
			o := quick(KeepOptions{Dial: DialOptions{Value: i}, Ended: func(err error) { ended <- err }})
			if err := cl.Keep(ctx, "ws://"+s.addr, o); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 3 {
			values := map[any]bool{}
			for range many {
				values[within(t, "Open", opened).Value()] = true
			}
			if len(values) != many || told.Load() != int64(round*many) {
				t.Errorf("%d connections are there, %d have ended", len(values), told.Load())
			}
			eventually(t, "nobody dials", func() bool { return keepers() == 0 })
			if round == 2 {
				break
			}
			s.Close()
			eventually(t, "all know", func() bool { return told.Load() == int64((round+1)*many) })
			if n := keepers(); n > many {
				t.Errorf("%d goroutines dial", n)
			}
			addr := s.addr
			s = r.make(t, echo, nil)
			s.listen(addr)
		}
		cancel(enough)
		for range many {
			if err := within(t, "Ended", ended); err != enough {
				t.Errorf("got %v", err)
			}
		}
		s.idle()
	})
}

// TestKeepSaysGoodbye: when the context ends the server gets 1000.
func TestKeepSaysGoodbye(t *testing.T) {
	ends := make(chan error, 1)
	s := usual.serve(t, Handler{Close: func(_ *Conn, err error) { ends <- err }}, nil)
	opened := make(chan bool, 1)
	cl := usual.client(t, Handler{Open: func(*Conn) { opened <- true }}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	if err := cl.Keep(ctx, "ws://"+s.addr, nil); err != nil {
		t.Fatal(err)
	}
	within(t, "Open", opened)
	cancel()
	var e *CloseError
	if err := within(t, "Close", ends); !errors.As(err, &e) || e.Code != StatusNormalClosure || !e.Peer {
		t.Errorf("got %v", err)
	}
}

// TestKeepClientCloses: Close ends every Keep, whatever it is at.
func TestKeepClientCloses(t *testing.T) {
	s := usual.serve(t, echo, nil)
	dialled := make(chan bool, 1)
	silent := listening(t, func(nc net.Conn) { // takes connections, and says nothing
		dialled <- true
		_, _ = io.Copy(io.Discard, nc) // ends with the client
	})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	opened := make(chan bool, 1)
	cl := usual.client(t, Handler{Open: func(*Conn) { opened <- true }}, nil)
	ended, waiting := make(chan error, 3), make(chan bool, 1)
	for _, addr := range []string{s.addr, silent, gone.Addr().String()} {
		o := &KeepOptions{MinDelay: time.Hour, MaxDelay: time.Hour, Ended: func(err error) { ended <- err }}
		if addr == gone.Addr().String() {
			o.Waiting = func(time.Duration, error) { waiting <- true }
		}
		if err := cl.Keep(t.Context(), "ws://"+addr, o); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "Open", opened)
	within(t, "a handshake without an answer", dialled)
	within(t, "a pause", waiting)
	cl.Close()
	for range 3 {
		if err := within(t, "Ended", ended); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
	if n := keepers(); n != 0 {
		t.Errorf("%d goroutines dial", n)
	}
	if err := cl.Keep(t.Context(), "ws://"+s.addr, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("afterwards: got %v", err)
	}
}

// TestKeepGivesUp where a further attempt would be in vain, and nowhere else.
func TestKeepGivesUp(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers []int // of the server; after them it accepts
		o       KeepOptions
		want    string // of Ended; "": it is connected
		waits   int
	}{
		{"unauthorized", []int{401}, KeepOptions{}, "401", 0},
		{"forbidden", []int{503, 403}, KeepOptions{}, "403", 1},
		{"not found", []int{404}, KeepOptions{}, "404", 0},
		{"moved", []int{301}, KeepOptions{}, "301", 0},
		{"busy", []int{503, 500, 502, 429, 408, 425}, KeepOptions{}, "", 6},
		{"no subprotocol", nil, KeepOptions{Dial: DialOptions{Subprotocols: []string{"chat"}}}, errNoSubprotocol.Error(), 0},
		{"a bad header", nil, KeepOptions{Dial: DialOptions{Header: http.Header{"Upgrade": {"x"}}}}, "Upgrade", 0},
		{"Attempt", []int{503}, KeepOptions{Dial: DialOptions{Header: http.Header{"X-Mine": {"y"}}}, Attempt: failSecond(t)}, "no token", 1},
		{"Answered", nil, KeepOptions{Dial: DialOptions{Answered: func(http.Header) error { return errors.New("not liked") }}}, "not liked", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := usual.make(t, echo, nil)
			var asked atomic.Int64
			hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got, want := r.Header.Get("Authorization"), choose(row.o.Attempt != nil, "Bearer once", ""); got != want {
					t.Errorf("the server is told %q, want %q", got, want)
				}
				if n := int(asked.Add(1)); n <= len(row.answers) {
					w.WriteHeader(row.answers[n-1])
					return
				}
				s.ServeHTTP(w, r)
			}))
			defer hs.Close()
			opened, ended := make(chan *Conn, 1), make(chan error, 1)
			cl := usual.client(t, Handler{Open: func(c *Conn) { opened <- c }}, nil)
			waits := 0
			o := quick(row.o)
			o.Waiting = func(time.Duration, error) { waits++ }
			o.Ended = func(err error) { ended <- err }
			if err := cl.Keep(t.Context(), hs.URL, o); err != nil {
				t.Fatal(err)
			}
			if row.want == "" {
				within(t, "Open", opened)
			} else if err := within(t, "Ended", ended); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
			if waits != row.waits {
				t.Errorf("it waited %d times, want %d", waits, row.waits)
			}
			if n := int(asked.Load()); n < len(row.answers) {
				t.Errorf("the server was asked %d times, want %d", n, len(row.answers))
			}
		})
	}
}

// failSecond is an Attempt that has a token once, and wants options without one each time.
func failSecond(t *testing.T) func(context.Context, *DialOptions) error {
	n := 0
	return func(_ context.Context, o *DialOptions) error {
		if o.Header.Get("Authorization") != "" || o.Header.Get("X-Mine") != "y" {
			t.Errorf("attempt %d gets %v", n, o.Header)
		}
		if n++; n > 1 {
			return errors.New("no token")
		}
		o.Header.Set("Authorization", "Bearer once")
		return nil
	}
}

// TestKeepIsAsked: the pause is what the server asks for at least.
func TestKeepIsAsked(t *testing.T) {
	pauses := make(chan time.Duration, 100)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := quick(KeepOptions{Waiting: func(d time.Duration, _ error) { pauses <- d }})
	cl := usual.client(t, Handler{}, nil)

	s := usual.serve(t, Handler{Open: func(c *Conn) { c.Close(StatusServiceRestart, "retry=3600000") }}, nil)
	if err := cl.Keep(ctx, "ws://"+s.addr, o); err != nil {
		t.Fatal(err)
	}
	if d := within(t, "Waiting", pauses); d < time.Hour || d > time.Hour+o.MaxDelay {
		t.Errorf("after 1012: got %v", d)
	}
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer hs.Close()
	if err := cl.Keep(ctx, hs.URL, o); err != nil {
		t.Fatal(err)
	}
	if d := within(t, "Waiting", pauses); d < 10*time.Minute || d > 10*time.Minute+o.MaxDelay {
		t.Errorf("after 503: got %v", d)
	}
}

// TestKeepArguments: what is wrong is said at once.
func TestKeepArguments(t *testing.T) {
	cl := usual.client(t, Handler{}, nil)
	for _, row := range []struct {
		url string
		o   *KeepOptions
	}{
		{"ftp://a.test", nil}, {"ws://", nil}, {"%", nil},
		{"ws://a.test", &KeepOptions{MinDelay: -1}},
		{"ws://a.test", &KeepOptions{MinDelay: time.Minute}},
	} {
		if err := cl.Keep(t.Context(), row.url, row.o); err == nil {
			t.Errorf("%s, %+v is accepted", row.url, row.o)
		}
	}
}

// TestKeepPanics: a panic of one of its functions, or a Goexit, is the end of a Keep, of which Ended is told, and hurts
// nothing else.
func TestKeepPanics(t *testing.T) {
	broken, exit := func() { panic("test") }, runtime.Goexit
	for _, tc := range []struct {
		name string
		o    KeepOptions
		want error // of Ended
	}{
		{"Attempt", KeepOptions{Attempt: func(context.Context, *DialOptions) error { broken(); return nil }}, ErrPanic},
		{"Attempt that exits", KeepOptions{Attempt: func(context.Context, *DialOptions) error { exit(); return nil }}, ErrPanic},
		{"Waiting", KeepOptions{Waiting: func(time.Duration, error) { broken() }}, ErrPanic},
		{"Ended", KeepOptions{Attempt: failAlways, Ended: func(error) { broken() }}, errNoToken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cl := usual.clientThat(t, Handler{}, nil, 1)
			ended := make(chan error, 10)
			o, then := quick(tc.o), tc.o.Ended
			o.Dial.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
			o.Ended = func(err error) {
				ended <- err
				if then != nil {
					then(err)
				}
			}
			if err := cl.Keep(t.Context(), "ws://a.test", o); err != nil {
				t.Fatal(err)
			}
			if err := within(t, "Ended", ended); !errors.Is(err, tc.want) {
				t.Errorf("Ended gets %v, want %v", err, tc.want)
			}
			eventually(t, "it is over", func() bool { return keepers() == 0 })
			cl.Close()
			if n := len(ended); n != 0 {
				t.Errorf("Ended is called %d times more", n)
			}
		})
	}
}

var errNoToken = errors.New("no token")

func failAlways(context.Context, *DialOptions) error { return errNoToken }

// TestKeepEndsOnItsOwn: its functions may wait for each other, also when the Client is closed: they are on no event loop.
func TestKeepEndsOnItsOwn(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 1
		s := usual.serve(t, echo, nil)
		opened, stacks := make(chan bool, 2), make(chan string, 2)
		cl := r.client(t, Handler{Open: func(*Conn) { opened <- true }}, nil)
		ended := func(error) {
			b := make([]byte, 64<<10)
			stacks <- string(b[:runtime.Stack(b, false)])
		}
		waiting := func(d time.Duration, err error) { t.Errorf("it waits for %v after %v", d, err) }
		for range cap(opened) {
			if err := cl.Keep(t.Context(), "ws://"+s.addr, &KeepOptions{Ended: ended, Waiting: waiting}); err != nil {
				t.Fatal(err)
			}
			within(t, "Open", opened)
		}
		eventually(t, "nobody dials", func() bool { return keepers() == 0 })
		cl.Close()
		for range cap(stacks) {
			if stack := within(t, "Ended", stacks); !strings.Contains(stack, ".(*kept).run(") {
				t.Errorf("Ended is called by\n%s", stack)
			}
		}
	})
}

// TestKeepBeginsAnew: a connection that lasted has the pauses be short again, one that did not hasn't.
func TestKeepBeginsAnew(t *testing.T) {
	k := &kept{ctx: t.Context(), pauses: 5}
	k.MinDelay, k.MaxDelay = 1, time.Minute
	k.opened = time.Now()
	k.pause(net.ErrClosed)
	if k.pauses != 6 {
		t.Errorf("after a short one: %d", k.pauses)
	}
	k.opened = time.Now().Add(-time.Hour)
	k.pause(net.ErrClosed)
	if k.pauses != 1 {
		t.Errorf("after a long one: %d", k.pauses)
	}
}

func TestBackoff(t *testing.T) {
	const least, most = time.Second, 30 * time.Second
	for n, bound := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 1000: 30} {
		if bound *= time.Second; bound == 0 {
			continue
		}
		low, high := most, time.Duration(0)
		for range 1000 { // all in one half: once in 2^999
			d := backoff(least, most, n)
			low, high = min(low, d), max(high, d)
		}
		if high > bound || high < bound/2 || low > bound/2 {
			t.Errorf("%d: from %v to %v, want all up to %v", n, low, high, bound)
		}
	}
}

func TestHint(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	answer := func(after string) error {
		return fmt.Errorf("engine: dial: %w", &DialError{Status: 503, Header: http.Header{"Retry-After": {after}}})
	}
	for _, row := range []struct {
		err  error
		want time.Duration
	}{
		{net.ErrClosed, 0},
		{answer("7"), 7 * time.Second},
		{answer("Thu, 26 Nov 2026 09:01:00 GMT"), time.Minute},
		{answer("Thu, 26 Nov 2026 08:00:00 GMT"), 0},
		{answer("-7"), 0},
		{answer("soon"), 0},
		{answer("1000000"), time.Hour},
		{answer("99999999999999999999999"), time.Hour},
		{&DialError{Status: 503}, 0},
		{&CloseError{Code: 1012, Reason: "retry=1500", Peer: true}, 1500 * time.Millisecond},
		{&CloseError{Code: 1012, Reason: "retry=1500"}, 0},
		{&CloseError{Code: 1012, Reason: "retry=-1", Peer: true}, 0},
		{&CloseError{Code: 1012, Reason: "retry=999999999999", Peer: true}, time.Hour},
		{&CloseError{Code: 1012, Reason: "1500", Peer: true}, 0},
	} {
		if got := hint(row.err, now); got != row.want {
			t.Errorf("%v: got %v, want %v", row.err, got, row.want)
		}
	}
}
