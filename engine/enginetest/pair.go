package enginetest

import (
	"context"
	"testing"

	"github.com/weirws/weir/engine"
)

// Pair returns both ends of one open connection: a server's, with the callbacks
// of server, and its peer, with those of client. Both are engines with the
// options o, which may be nil. They are closed at the end of t, and so are the
// connections.
//
// Pair blocks until the server's Open has returned; the client's may run still.
// It ends t if the handshake fails, so it is to be called on t's goroutine.
func Pair(t testing.TB, server, client engine.Handler, o *engine.Options) (s, c *engine.Conn) {
	t.Helper()
	opened := make(chan *engine.Conn, 1)
	open := server.Open
	server.Open = func(c *engine.Conn) {
		if open != nil {
			open(c)
		}
		opened <- c
	}
	srv, err := engine.New(server, o)
	if err != nil {
		t.Fatal(err)
	}
	c = Dial(t, Serve(t, srv), client, o)
	return <-opened, c
}

// Serve serves srv in memory until the end of t, which closes it, and returns
// where to dial. It does not block.
func Serve(t testing.TB, srv *engine.Server) *Listener {
	t.Helper()
	ln := Listen()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }() // ends on Close, which the end of t waits for
	t.Cleanup(func() {
		_ = srv.Close() // it returns nil
		if err := <-served; err != engine.ErrServerClosed {
			t.Errorf("enginetest: Serve: %v", err)
		}
	})
	return ln
}

// Dial returns a connection to whoever serves ln, with the callbacks of h. It
// is a Client's of its own, with the options o, which may be nil; the end of t
// closes it. Dial blocks for the handshake and ends t if that fails, so it is to
// be called on t's goroutine.
func Dial(t testing.TB, ln *Listener, h engine.Handler, o *engine.Options) *engine.Conn {
	t.Helper()
	cl, err := engine.NewClient(h, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() }) // it returns nil
	c, err := cl.Dial(context.Background(), "ws://test/", &engine.DialOptions{Dial: ln.Dial})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
