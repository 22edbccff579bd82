package poller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// ListenOptions configures Listen. The zero value of a field picks the default in its comment.
type ListenOptions struct {
	// Backlog is how many connections may wait to be accepted; the system's maximum. With
	// Options.Streams it is always that.
	Backlog int

	// ReusePort gives every loop a listening socket of its own (SO_REUSEPORT), between which the
	// system deals. It is taken only after a plain bind has shown that the port is nobody else's.
	// Linux only, and not with Options.Streams: elsewhere Listen returns errors.ErrUnsupported.
	ReusePort bool
}

// A Deal is asked once for every accepted connection: it goes to loop to, and comes from remote (the
// zero AddrPort where that is not TCP). It returns the connection's Conn and Handler, or a nil Conn
// to refuse it: then it is closed.
//
// It runs where the listener accepts: with one loop on that loop, else on a goroutine that belongs
// to no loop, at the same time as the loops do; with ReusePort on each loop, at the same time; and
// within Listener.Close on its caller's goroutine. Calls for one listener without ReusePort do not
// overlap. It must not block. Handler.Open follows on to, perhaps as soon as it returns. If the system
// then refuses to watch the connection, Open is followed by End with the error at once.
type Deal func(to *Loop, remote netip.AddrPort) (*Conn, Handler)

// A Listener accepts connections and deals them to the loops of its Poller in turn. When the system
// has no descriptors or memory for another connection, it pauses, says so at most once a second, and
// goes on; connections that live are not concerned.
type Listener struct {
	p    *Poller
	addr net.Addr

	// net is a listener without a descriptor of ours; or one that is kept until Close because its
	// Close does something more, like removing a unix socket's file.
	net net.Listener

	acceptors []*acceptor // by descriptor; nil: net is accepted from by a goroutine

	accepting sync.WaitGroup // the goroutine
	closing   chan struct{}  // closed by Close
	done      chan struct{}  // closed when Close has done its work

	mu      sync.Mutex // guards the following
	dealing bool
	closed  bool
}

// Listen opens a listening socket: network is tcp, tcp4, tcp6 or unix. What it accepts has
// TCP_NODELAY, and urgent bytes in their place. Connections wait in the socket's backlog until Deal
// is called. Resolving a host name in addr blocks.
func (p *Poller) Listen(network, addr string, o ListenOptions) (*Listener, error) {
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, fmt.Errorf("poller: listen: network %q is not tcp, tcp4, tcp6 or unix", network)
	}
	if o.Backlog < 0 {
		return nil, fmt.Errorf("poller: listen: Backlog is %d", o.Backlog)
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // such a socket does not hand its options on
	nl, err := lc.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, fmt.Errorf("poller: %w", err)
	}
	ln, err := p.ListenFrom(nl)
	if err != nil {
		return nil, err
	}
	if err := ln.configure(o); err != nil {
		_ = ln.Close() // the error that matters is err
		return nil, fmt.Errorf("poller: listen %s: %w", addr, err)
	}
	return ln, nil
}

// ListenFrom takes nl over: it is the Poller's, also on error, and Listener.Close closes it. The
// descriptor of a *net.TCPListener or *net.UnixListener, which may be inherited (net.FileListener),
// is accepted from directly; any other nl by a goroutine, and its connections go through Attach.
func (p *Poller) ListenFrom(nl net.Listener) (*Listener, error) {
	ln := &Listener{p: p, addr: nl.Addr(), net: nl, closing: make(chan struct{}), done: make(chan struct{})}
	if !p.options.Streams {
		if err := ln.takeSocket(); err != nil {
			_ = nl.Close() // the error that matters is err
			return nil, fmt.Errorf("poller: listen: %w", err)
		}
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.listeners[ln] = struct{}{}
	}
	p.mu.Unlock()
	if closed {
		_ = ln.Close() // the error that matters is the poller's
		return nil, fmt.Errorf("poller: listen: %w", net.ErrClosed)
	}
	return ln, nil
}

// Addr returns the address that ln listens on.
func (ln *Listener) Addr() net.Addr { return ln.addr }

// Deal begins to accept and returns: deal is asked for every connection, until Close. It may be
// called once, from any goroutine. After an error the listener is only good for Close.
func (ln *Listener) Deal(deal Deal) error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		return net.ErrClosed
	}
	if ln.dealing {
		return errors.New("poller: Deal is called a second time")
	}
	ln.dealing = true
	if ln.acceptors == nil {
		ln.accepting.Go(func() { ln.acceptNet(deal) }) // ends on Close; Close waits
		return nil
	}
	for _, a := range ln.acceptors {
		if err := a.start(deal); err != nil {
			return fmt.Errorf("poller: listen: %w", err)
		}
	}
	return nil
}

// Close stops accepting. Connections that wait already are dealt first; those behind an exhausted
// system, and all of them if Deal was never called, are lost. It waits for a Deal function that is
// running, and may be called from any goroutine, but not from such a function. A second Close waits
// for the first and returns net.ErrClosed.
func (ln *Listener) Close() error {
	ln.mu.Lock()
	if ln.closed {
		ln.mu.Unlock()
		<-ln.done
		return net.ErrClosed
	}
	ln.closed = true
	ln.mu.Unlock()
	close(ln.closing)

	var err error
	for _, a := range ln.acceptors {
		a.close()
	}
	if ln.net != nil {
		err = ln.net.Close()
	}
	ln.accepting.Wait()
	close(ln.done)
	ln.p.mu.Lock()
	delete(ln.p.listeners, ln)
	ln.p.mu.Unlock()
	return err
}
