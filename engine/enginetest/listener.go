package enginetest

import (
	"context"
	"net"
	"sync"
)

// Listener is a [net.Listener] in memory. Its methods may be called from any
// goroutine.
//
//	ln := enginetest.Listen()
//	go srv.Serve(ln)
//	c, err := client.Dial(ctx, "ws://test/chat", &engine.DialOptions{Dial: ln.Dial})
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*Listener)(nil)

// Listen returns a Listener. It holds nothing that Close gives back, other than
// those who wait in Dial and Accept.
func Listen() *Listener {
	return &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects: it blocks until Accept takes the other end, ctx ends, or the
// Listener is closed, with net.ErrClosed. network and addr don't matter. It fits
// DialOptions.Dial, and DialContext of http.Transport.
func (l *Listener) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	near, far := net.Pipe()
	var err error
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-l.closed:
		err = net.ErrClosed
	}
	_ = near.Close() // a pipe closes without error
	_ = far.Close()
	return nil, &net.OpError{Op: "dial", Net: "memory", Addr: l.Addr(), Err: err}
}

// Accept blocks until somebody dials, or until Close: then it returns
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "memory", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close ends Accept and Dial. Connections live on. It returns nil.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns an address whose network is "memory".
func (l *Listener) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }
