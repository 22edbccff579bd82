package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/poller"
)

// Server answers opening handshakes and serves the connections that they make.
// Its methods may be called from any goroutine. Those that block say so; the
// others don't.
type Server struct {
	core    *core
	base    *route // of paths that Handle was not called for
	sockets *route // of Accept
	empty   bool   // base has no callbacks
	mux     *http.ServeMux
	routed  atomic.Bool // Handle was called
	closing atomic.Bool // Shutdown or Close was called
	done    chan struct{}
	topics  names

	mu        sync.Mutex // guards the following
	listeners []*listener
	plain     *plainServer // of Options.HTTP; nil until it is needed
}

var _ http.Handler = (*Server)(nil)

// New returns a Server whose connections are h's. Its event loops run from now
// on, until Close or Shutdown. It returns an error if o is not valid, or if the
// system has no descriptors for the loops.
func New(h Handler, o *Options) (*Server, error) {
	set, err := newSettings(o)
	if err != nil {
		return nil, err
	}
	return newServer(h, set)
}

// newServer is New with settings that are valid.
func newServer(h Handler, set settings) (*Server, error) {
	co, err := newCore(set)
	if err != nil {
		return nil, err
	}
	s := &Server{core: co, mux: http.NewServeMux(), done: make(chan struct{})}
	s.topics.gained, s.topics.lost = set.TopicGained, set.TopicLost
	s.base, s.sockets = co.newRoute(s, h), co.newSockets(s)
	s.empty = reflect.ValueOf(h).IsZero()
	return s, nil
}

// listener is a listening socket of the Server. Its connections go to the
// loops by Serve; Accept has none to give.
type listener struct {
	*poller.Listener
	server *Server
	once   sync.Once
	gone   chan struct{} // closed by Close
}

// Close stops listening; connections live on. Serve returns.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { close(l.gone) })
	return err
}

var errNotAccepting = errors.New("engine: the connections of this listener are served by Server.Serve")

func (*listener) Accept() (net.Conn, error) { return nil, errNotAccepting }

// Listen opens a listening socket and returns it, so that its address is known
// before Serve is called with it: ws's `listening` event. addr is "host:port"
// or "unix:/path". Connections wait meanwhile. It blocks for the resolution of
// a host name at most.
func (s *Server) Listen(addr string) (net.Listener, error) {
	if s.closing.Load() {
		return nil, ErrServerClosed
	}
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	ln, err := s.core.poll.Listen(network, addr, poller.ListenOptions{})
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return s.keep(ln), nil
}

// keep notes a listener for Addr and Close.
func (s *Server) keep(ln *poller.Listener) *listener {
	l := &listener{Listener: ln, server: s, gone: make(chan struct{})}
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	return l
}

// Serve serves the connections of ln, which is of Listen or any other
// net.Listener, and takes it over. It blocks until Close or Shutdown and then
// returns ErrServerClosed; a listener of Listen that is closed before ends it
// with net.ErrClosed.
func (s *Server) Serve(ln net.Listener) error {
	l, err := s.own(ln)
	if err != nil {
		return err
	}
	return s.accept(l, s.deal)
}

// own returns ln as a listener of s.
func (s *Server) own(ln net.Listener) (*listener, error) {
	l, ok := ln.(*listener)
	if !ok || l.server != s {
		adopted, err := s.core.poll.ListenFrom(ln)
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		l = s.keep(adopted)
	}
	if s.closing.Load() {
		_ = l.Close() // there is nothing to lose yet
		return nil, ErrServerClosed
	}
	return l, nil
}

// accept has the connections of l made by deal, until Close or Shutdown.
func (s *Server) accept(l *listener, deal func(*poller.Loop, netip.AddrPort) (*poller.Conn, poller.Handler)) error {
	if err := l.Deal(deal); err != nil {
		if s.closing.Load() {
			return ErrServerClosed
		}
		return fmt.Errorf("engine: serve: %w", err)
	}
	select {
	case <-s.done:
	case <-l.gone:
		if !s.closing.Load() {
			return fmt.Errorf("engine: serve: %w", net.ErrClosed)
		}
		<-s.done
	}
	return ErrServerClosed
}

// ListenAndServe is Listen and Serve.
func (s *Server) ListenAndServe(addr string) error {
	ln, err := s.Listen(addr)
	if err != nil {
		return err
	}
	return s.Serve(ln)
}

// deal makes the connection of an accepted socket. Sockets beyond MaxConns are
// answered with 503 as long as there are not too many of them.
func (s *Server) deal(_ *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
	c := s.accepted(remote)
	if c == nil {
		return nil, nil
	}
	return &c.sock, (*wire)(c)
}

// accepted makes the connection of an accepted socket; nil if there are too
// many.
func (s *Server) accepted(remote netip.AddrPort) *Conn {
	if limit := s.core.MaxConns; limit > 0 && s.core.sockets.Load() >= int64(limit)+maxSpareSockets {
		return nil
	}
	from, now := compact(remote), time.Since(s.core.start)
	if !s.core.arrivals.come(from, now, s.core.sockets.Load()-s.core.conns.Load()) {
		return nil
	}
	c := s.core.newConn(s.base)
	c.peer = from
	if s.core.ProxyProtocol && s.core.trusts(remote.Addr()) {
		c.phase = phaseProxy
	}
	return c
}

// Addr returns the address of the first listening socket; nil before Listen.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.listeners) == 0 {
		return nil
	}
	return s.listeners[0].Addr()
}

// Conns yields the open connections, in no particular order. What opens or
// closes meanwhile may be yielded or not.
func (s *Server) Conns() iter.Seq[*Conn] { return s.core.open }

// open yields the open connections. It holds no lock while it yields.
func (co *core) open(yield func(*Conn) bool) {
	for _, l := range co.loops {
		for _, c := range l.snapshot() {
			if !yield(c) {
				return
			}
		}
	}
}

// Metrics returns a snapshot of the Server's counters.
func (s *Server) Metrics() Metrics { return s.core.metrics() }

// Owed is the number of deliveries that publications still owe: each message
// that was published and that a loop has not got to yet, times its subscribers
// there. It costs little: a publisher may ask each time whether it should wait.
func (s *Server) Owed() (deliveries int64) {
	for _, l := range s.core.loops {
		deliveries += l.owed.Load()
	}
	return deliveries
}

// LoopMetrics returns a snapshot of the counters of each event loop.
func (s *Server) LoopMetrics() []LoopMetrics { return s.core.loopMetrics() }

// Shutdown ends the Server gracefully: it stops listening, refuses upgrades
// with 503, sends every connection a closing frame with 1001, and waits until
// they have ended, CloseTimeout at most, and their callbacks have returned. When
// ctx ends first the rest is closed at once and ctx's error returned: a callback
// that blocks can't hold Shutdown up. Serve returns when all is done.
//
// It must not be called by a callback, which it would wait for.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopListening()
	err := s.goAway(ctx)
	if err == nil {
		err = s.shutdownPlain(ctx)
	}
	for n := 1; s.core.conns.Load() > 0 && err == nil; n++ {
		err = sleep(ctx, tick/10)
		if n%10 == 0 && err == nil {
			err = s.goAway(ctx) // an upgrade may have been under way
		}
	}
	ended := make(chan struct{})
	go func() { // ends when the last callback has returned
		s.end()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return err
}

// goAway sends all that are open a closing frame with 1001, at a pace.
func (s *Server) goAway(ctx context.Context) error {
	n := 0
	for c := range s.Conns() {
		if !c.shut(&CloseError{Code: StatusGoingAway, Err: ErrServerClosed}, frame) {
			continue
		}
		if n++; n%closePace == 0 {
			if err := sleep(ctx, time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Close ends the Server and all its connections at once, without closing
// frames, and waits until their callbacks have returned. Serve returns
// ErrServerClosed. It must not be called by a callback, which it would wait
// for. It returns nil.
func (s *Server) Close() error {
	s.stopListening()
	s.closePlain()
	s.end()
	return nil
}

// stopListening closes the listening sockets and refuses upgrades from now on.
func (s *Server) stopListening() {
	s.closing.Store(true)
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // it may be closed already
	}
}

// end ends everything, and waits for it.
func (s *Server) end() {
	s.closePlain()
	s.core.close()
	if p := s.startedPlain(); p != nil {
		p.drain() // what a loop gave up meanwhile
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
	default:
		close(s.done)
	}
}
