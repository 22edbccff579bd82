package echo

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 30 * time.Second

// start starts a Server that ends with the test, and returns its host:port.
func start(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }() // ends on the Close below
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-served
		if n := len(s.held.of); n != 0 {
			t.Errorf("messages of %d connections are held at the end", n)
		}
	})
	return s, ln.Addr().String()
}

func dial(t *testing.T, url string, got chan<- []byte) *engine.Conn {
	t.Helper()
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { got <- bytes.Clone(m.Data) },
	}, &engine.Options{Loops: 1, MaxMessageBytes: -1, MaxBacklogBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c, err := client.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *Server) holds() bool {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	return len(s.held.of) > 0
}

// TestSlowReader: a peer that sends much before it reads gets all of it in
// order, however large the messages, and nothing stays held.
func TestSlowReader(t *testing.T) {
	for _, workers := range []int{0, 4} {
		for _, size := range []int{1 << 10, 64 << 10, 4 << 20} {
			t.Run(fmt.Sprintf("workers %d, %d bytes", workers, size), func(t *testing.T) {
				s, host := start(t, Options{Loops: 1, Workers: workers})
				messages := 48 << 20 / size
				got := make(chan []byte, messages)
				c := dial(t, "ws://"+host+"/echo", got)
				c.Pause()
				for i := range min(messages, 4096) {
					if err := c.Send(engine.Binary, bytes.Repeat([]byte{byte(i)}, size)); err != nil {
						t.Fatal(err)
					}
				}
				if size > 1<<10 { // less than that may fit into the sockets
					for end := time.Now().Add(patience); !s.holds(); time.Sleep(time.Millisecond) {
						if time.Now().After(end) {
							t.Fatal("the server never holds a message")
						}
					}
				}
				c.Resume()
				for i := range min(messages, 4096) {
					select {
					case b := <-got:
						if len(b) != size || b[0] != byte(i) || b[size-1] != byte(i) {
							t.Fatalf("message %d: got %d bytes of %d", i, len(b), b[0])
						}
					case <-time.After(patience):
						t.Fatalf("message %d never comes", i)
					}
				}
				if err := c.Send(engine.Text, []byte("still read?")); err != nil {
					t.Fatal(err)
				}
				if b := <-got; string(b) != "still read?" {
					t.Errorf("got %q", b)
				}
			})
		}
	}
}

// TestGoneWhileHeld: what was held for a peer that goes is forgotten, which
// start checks at the end.
func TestGoneWhileHeld(t *testing.T) {
	s, host := start(t, Options{Loops: 1})
	c := dial(t, "ws://"+host+"/", make(chan []byte))
	c.Pause()
	for range 64 {
		if err := c.Send(engine.Binary, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(patience); !s.holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server never holds a message")
		}
	}
	if err := c.CloseNow(); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(patience); s.holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is never forgotten")
		}
	}
}

// TestDropOldest: who does not read /broadcast misses messages, stays, and gets the newest.
func TestDropOldest(t *testing.T) {
	s, host := start(t, Options{Loops: 1, DropOldest: true})
	got, quick := make(chan []byte, 1<<10), make(chan []byte, 1<<10)
	slow, c := dial(t, "ws://"+host+"/broadcast", got), dial(t, "ws://"+host+"/broadcast", quick)
	for end := time.Now().Add(patience); s.crowd.Len() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("they never subscribe")
		}
	}
	slow.Pause()
	message := make([]byte, 64<<10)
	n := byte(0)
	for end := time.Now().Add(patience); s.engine.Metrics().Drops.Oldest == 0; n++ {
		message[0] = n
		if err := c.Send(engine.Binary, message); err != nil {
			t.Fatal(err)
		}
		<-quick
		if time.Now().After(end) {
			t.Fatal("nothing is dropped")
		}
	}
	slow.Resume()
	for last := byte(0); last != n-1; {
		select {
		case b := <-got:
			last = b[0]
		case <-time.After(patience):
			t.Fatalf("it ends on message %d, want %d", last, n-1)
		}
	}
	if slow.State() != engine.Open {
		t.Errorf("the slow reader is %v", slow.State())
	}
}
