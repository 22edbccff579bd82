package main_test

import (
	"context"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

func TestMain(m *testing.M) { weirtest.Main(m) }

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 60 * time.Second

// peer is a client that keeps what it gets.
type peer struct {
	t *testing.T
	*engine.Conn
	got    chan engine.Message
	pings  chan struct{}
	closed chan *engine.CloseError
}

func dial(t *testing.T, url string) *peer {
	t.Helper()
	return dialWith(t, url, nil)
}

func dialWith(t *testing.T, url string, o *engine.DialOptions) *peer {
	t.Helper()
	p := &peer{t: t, got: make(chan engine.Message, 1000), pings: make(chan struct{}, 100), closed: make(chan *engine.CloseError, 1)}
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { p.got <- m.Clone() },
		Ping:    func(*engine.Conn, []byte) { p.pings <- struct{}{} },
		Close:   func(_ *engine.Conn, err error) { p.closed <- err.(*engine.CloseError) },
	}, &engine.Options{Loops: 1, MaxMessageBytes: -1, MaxBacklogBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if p.Conn, err = client.Dial(t.Context(), url, o); err != nil {
		t.Fatal(err)
	}
	return p
}

// settle waits until the server has opened p: its pong comes behind that.
func (p *peer) settle() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if _, err := p.RoundTrip(ctx); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) message() engine.Message {
	p.t.Helper()
	return receive(p.t, p.got, "a message")
}

func (p *peer) end() *engine.CloseError {
	p.t.Helper()
	return receive(p.t, p.closed, "the end")
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}
