package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/tlspump"
	"github.com/weirws/weir/poller"
)

// plainServer serves the requests on our port that ask for no WebSocket, with
// net/http: the socket leaves its loop with what was read of it.
type plainServer struct {
	http  http.Server
	conns chan net.Conn
	open  atomic.Int64
	addr  net.Addr
	quit  chan struct{}
	once  sync.Once
	done  chan struct{}
}

var _ net.Listener = (*plainServer)(nil)

// Accept gives net/http the sockets that leave their loops.
func (p *plainServer) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.quit:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return.
func (p *plainServer) Close() error {
	p.once.Do(func() { close(p.quit) })
	return nil
}

// Addr is the address that was listened on.
func (p *plainServer) Addr() net.Addr { return p.addr }

// shutdownPlain lets the plain requests that are under way finish.
func (s *Server) shutdownPlain(ctx context.Context) error {
	if p := s.startedPlain(); p != nil {
		return p.http.Shutdown(ctx)
	}
	return nil
}

// closePlain ends the plain connections at once.
func (s *Server) closePlain() {
	p := s.startedPlain()
	if p == nil {
		return
	}
	_ = p.http.Close() // its listener is ours and closes without error
	<-p.done
	p.drain()
}

// drain closes the sockets that net/http has not taken.
func (p *plainServer) drain() {
	for {
		select {
		case nc := <-p.conns:
			_ = nc.Close() // nobody has read it
		default:
			return
		}
	}
}

func (s *Server) startedPlain() *plainServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plain
}

// plainHTTP gives a request that asks for no WebSocket to Options.HTTP. b is
// all that was read.
func (c *Conn) plainHTTP(l *loop, b []byte) {
	srv := c.route.server
	if l.core.HTTP == nil {
		c.refuse(l, upgradeRequired())
		return
	}
	p := srv.plainServer()
	if p == nil || p.open.Load() >= maxPlainConns {
		c.refuse(l, unavailable())
		return
	}
	c.mu.Lock()
	nc, err := c.sock.Detach()
	secured := c.secured()
	c.mu.Unlock()
	if errors.Is(err, poller.ErrUnwritten) && secured != nil { // the end of the handshake; Drain follows
		c.phase = phaseUpgrading
		c.keep(l, b)
		secured.later = func() {
			b := c.in.unstash()
			defer b.Release()
			c.plainHTTP(l, b.B)
		}
		return
	}
	if err != nil {
		l.core.Log.Warn("engine: a plain HTTP request was dropped", "err", err)
		c.teardown(l, nil)
		return
	}
	p.open.Add(1)
	pc := &plainConn{Conn: nc, peer: c.peer, early: append([]byte(nil), b...), server: p}
	nc = pc
	if secured != nil {
		pc.pump = secured.pump
		pc.pump.Block(pc.Conn)
		pc.Conn = pc.pump.Conn()
		nc = securePlainConn{pc}
	}
	p.conns <- nc // has room for maxPlainConns
	c.teardown(l, nil)
}

func upgradeRequired() *Refusal {
	r := refusal(http.StatusUpgradeRequired)
	r.Header = http.Header{"Upgrade": {"websocket"}}
	return r
}

// plainServer returns the server of plain requests, started on demand; nil
// when the Server is closing.
func (s *Server) plainServer() *plainServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return nil
	}
	if s.plain != nil {
		return s.plain
	}
	p := &plainServer{
		conns: make(chan net.Conn, maxPlainConns+len(s.core.loops)),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	if len(s.listeners) > 0 {
		p.addr = s.listeners[0].Addr()
	}
	p.http = http.Server{
		Handler:           http.HandlerFunc(s.serveAny),
		ReadHeaderTimeout: s.core.MaxUpgradeTime,
		IdleTimeout:       plainIdle,
		MaxHeaderBytes:    or(s.core.MaxHeadBytes, math.MaxInt32),
		ErrorLog:          slog.NewLogLogger(s.core.Log.Handler(), slog.LevelInfo),
	}
	s.plain = p
	go func() { // ends on close, which waits
		defer close(p.done)
		_ = p.http.Serve(p) // http.ErrServerClosed
	}()
	return p
}

// serveAny serves a request on a connection that began with a plain one.
func (s *Server) serveAny(w http.ResponseWriter, r *http.Request) {
	var asked codec.Request
	asked.FromHTTP(r)
	if asked.IsUpgrade() {
		s.ServeHTTP(w, r)
		return
	}
	s.core.HTTP.ServeHTTP(w, r)
}

// plainConn is a socket that left its loop, with what was read of it.
type plainConn struct {
	net.Conn
	early  []byte
	pump   *tlspump.Pump // of Conn; nil without TLS
	peer   compactAddr   // whose it is: a proxy may speak for somebody
	server *plainServer
	once   sync.Once
}

// securePlainConn is a plainConn on TLS: net/http asks it for Request.TLS.
type securePlainConn struct{ *plainConn }

// ConnectionState is what the handshake has agreed on.
func (p securePlainConn) ConnectionState() tls.ConnectionState {
	return p.pump.Conn().ConnectionState()
}

// asPlain returns the plainConn that net/http was given as nc; nil if it is none.
func asPlain(nc net.Conn) *plainConn {
	switch p := nc.(type) {
	case *plainConn:
		return p
	case securePlainConn:
		return p.plainConn
	}
	return nil
}

// RemoteAddr is the client's address.
func (p *plainConn) RemoteAddr() net.Addr {
	if a := p.peer.addrPort(); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return p.Conn.RemoteAddr()
}

// Read gives what was read before, then reads on.
func (p *plainConn) Read(b []byte) (int, error) {
	if len(p.early) > 0 {
		n := copy(b, p.early)
		p.early = p.early[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// Close closes the socket.
func (p *plainConn) Close() error {
	p.leave()
	return p.Conn.Close()
}

func (p *plainConn) leave() {
	p.once.Do(func() { p.server.open.Add(-1) })
}

// release gives the socket back, and what was read of it behind early.
func (p *plainConn) release(early []byte) (net.Conn, []byte) {
	p.leave()
	return p.Conn, append(early, p.early...)
}

// plainIdle is how long a plain HTTP connection may be idle.
const plainIdle = 60 * time.Second
