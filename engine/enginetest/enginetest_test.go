package enginetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
	"github.com/weirws/weir/engine/enginetest"
)

// home fails t if a goroutine is left behind at its end.
func home(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines, were %d", runtime.NumGoroutine(), before)
				return
			}
		}
	})
}

func TestPair(t *testing.T) {
	for _, inline := range []bool{false, true} {
		t.Run(fmt.Sprintf("inline %t", inline), func(t *testing.T) {
			home(t)
			got := make(chan engine.Message, 1)
			ended := make(chan error, 2)
			opened := false
			over := func(_ *engine.Conn, err error) { ended <- err }
			s, c := enginetest.Pair(t,
				engine.Handler{
					Open:    func(*engine.Conn) { opened = true },
					Message: func(c *engine.Conn, m engine.Message) { c.Send(m.Kind, m.Data) },
					Close:   over,
				},
				engine.Handler{Message: func(_ *engine.Conn, m engine.Message) { got <- m.Clone() }, Close: over},
				&engine.Options{Inline: inline},
			)
			if !opened || s.State() != engine.Open || c.State() != engine.Open {
				t.Errorf("Open was called: %t; states %v and %v", opened, s.State(), c.State())
			}
			for _, n := range []int{0, 100, 1 << 20} {
				want := bytes.Repeat([]byte("x"), n)
				if err := c.Send(engine.Binary, want); err != nil {
					t.Fatal(err)
				}
				if m := <-got; m.Kind != engine.Binary || !bytes.Equal(m.Data, want) {
					t.Errorf("%d bytes came back as %d", n, len(m.Data))
				}
			}
			if err := s.Close(engine.StatusGoingAway, "enough"); err != nil {
				t.Error(err)
			}
			for range 2 {
				var e *engine.CloseError
				if err := <-ended; !errors.As(err, &e) || e.Code != engine.StatusGoingAway || e.Reason != "enough" || !e.Clean {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

// A whole server in memory: several connections, and plain HTTP.
func TestServe(t *testing.T) {
	home(t)
	var lobby engine.Topic
	var all sync.WaitGroup
	all.Add(3)
	srv, err := engine.New(
		engine.Handler{Open: func(c *engine.Conn) { lobby.Subscribe(c); all.Done() }},
		&engine.Options{HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain "+r.URL.Path) })},
	)
	if err != nil {
		t.Fatal(err)
	}
	ln := enginetest.Serve(t, srv)
	got := make(chan string, 3)
	for range 3 {
		enginetest.Dial(t, ln, engine.Handler{Message: func(_ *engine.Conn, m engine.Message) { got <- m.String() }}, nil)
	}
	all.Wait()
	if n := lobby.Publish(engine.Text, []byte("hello")); n != 3 {
		t.Errorf("published to %d", n)
	}
	for range 3 {
		if m := <-got; m != "hello" {
			t.Errorf("got %q", m)
		}
	}
	tr := &http.Transport{DialContext: ln.Dial}
	defer tr.CloseIdleConnections()
	r, err := (&http.Client{Transport: tr}).Get("http://test/page")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); string(b) != "plain /page" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestListener(t *testing.T) {
	home(t)
	ln := enginetest.Listen()
	if ln.Addr().Network() != "memory" {
		t.Errorf("got %v", ln.Addr())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ln.Dial(ctx, "tcp", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with a context that has ended: %v", err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := ln.Dial(context.Background(), "tcp", "x")
		waiting <- err
	}()
	ln.Close()
	ln.Close()
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Dial of a Listener that is closed: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a Listener that is closed: %v", err)
	}
}
