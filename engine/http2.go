package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/codec"
)

// serveConnect serves a WebSocket over HTTP/2: RFC 8441. The stream of the
// request is the connection, so it lasts until that has ended.
func (s *Server) serveConnect(w http.ResponseWriter, r *http.Request) {
	if _, st, err := s.connect(w, r, nil); err == nil {
		<-st.gone
	}
}

// connect makes the stream of r a connection of rt, nil: of the route that
// matches. The handler of r must not return before st is gone. If it returns an
// error r was answered.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, rt *route) (c *Conn, st *http2Stream, err error) {
	a, err := s.judgeHTTP(r, rt)
	if err != nil {
		s.refuseHTTP(w, r, err)
		return nil, nil, err
	}
	h := w.Header()
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if a.subprotocol != "" {
		h.Set("Sec-WebSocket-Protocol", a.subprotocol)
	}
	if x := a.route.extensions(); x != "" {
		h.Set("Sec-WebSocket-Extensions", x)
	}
	a.head = nil
	w.WriteHeader(http.StatusOK) // RFC 8441, 5: in place of 101
	st = newHTTP2Stream(w, r)
	if err = st.rc.Flush(); err != nil {
		a.giveUp()
	} else if c, err = s.attach(st, a, nil); err != nil {
		<-st.gone
	}
	if err != nil {
		s.core.Log.Info("engine: an upgrade failed", "remote", r.RemoteAddr, "err", err)
	}
	return c, st, err
}

// Accepting returns a handler that calls h, in which Accept works over HTTP/2
// too. There a connection is a stream of its request, which net/http ends when
// the handler returns: so the handler that Accepting returns waits for the end of
// what h has accepted, as ServeHTTP does. If h panics that end is at once. Other
// requests go to h as they are.
func (s *Server) Accepting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !codec.IsConnect(r) {
			h.ServeHTTP(w, r)
			return
		}
		k := new(keeper)
		returned := false
		defer func() { k.keep(returned) }()
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keeperKey{}, k)))
		returned = true
	})
}

// keeper keeps the handler of an HTTP/2 request from returning.
type keeper struct {
	mu     sync.Mutex // guards the following
	over   bool       // the handler returns: nothing may be accepted any more
	conn   *Conn
	stream *http2Stream // nil: nothing was accepted
}

// keeperKey is the keeper's in the context of a request.
type keeperKey struct{}

// keep blocks until what was accepted has ended. returned: as the handler
// wanted, and not by a panic.
func (k *keeper) keep(returned bool) {
	k.mu.Lock()
	k.over = true
	k.mu.Unlock()
	if k.stream == nil {
		return
	}
	if !returned {
		_ = k.conn.CloseNow() // it may have ended already
	}
	<-k.stream.gone
}

// acceptConnect is Accept for an extended CONNECT.
func (s *Server) acceptConnect(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	k, _ := r.Context().Value(keeperKey{}).(*keeper)
	if k == nil {
		s.core.Log.Info("engine: Accept got a request over HTTP/2: its handler is to be wrapped by Server.Accepting")
		err := refusal(http.StatusNotImplemented)
		s.refuseHTTP(w, r, err)
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over || k.stream != nil {
		return nil, errAcceptedTwice
	}
	c, st, err := s.connect(w, r, s.sockets)
	if err != nil {
		return nil, err
	}
	k.conn, k.stream = c, st
	return c, nil
}

var errAcceptedTwice = errors.New("the request was accepted already, or its handler has returned")

// http2Stream is the stream of a request as a net.Conn. Close is to be called
// before the request's handler returns: nothing may be written afterwards.
type http2Stream struct {
	w             http.ResponseWriter
	rc            *http.ResponseController
	body          io.ReadCloser
	local, remote net.Addr

	closing atomic.Bool
	writing sync.Mutex    // held by Write
	gone    chan struct{} // closed when nothing is written any more
}

var _ net.Conn = (*http2Stream)(nil)

func newHTTP2Stream(w http.ResponseWriter, r *http.Request) *http2Stream {
	st := &http2Stream{w: w, rc: http.NewResponseController(w), body: r.Body, remote: &net.UnixAddr{Net: "unix"}, gone: make(chan struct{})}
	if remote, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		st.remote = net.TCPAddrFromAddrPort(remote)
	}
	st.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return st
}

// Read reads what the peer sends.
func (st *http2Stream) Read(b []byte) (int, error) { return st.body.Read(b) }

// Write sends b at once.
func (st *http2Stream) Write(b []byte) (n int, err error) {
	st.writing.Lock()
	defer st.writing.Unlock()
	if st.closing.Load() {
		return 0, net.ErrClosed
	}
	if n, err = st.w.Write(b); err == nil {
		err = st.rc.Flush()
	}
	return n, err
}

// Close ends Read and Write. The stream itself ends when the handler returns.
func (st *http2Stream) Close() error {
	if st.closing.Swap(true) {
		return net.ErrClosed
	}
	_ = st.body.Close() // it always succeeds
	if !st.writing.TryLock() {
		_ = st.rc.SetWriteDeadline(time.Unix(1, 0)) // resets the stream: Write returns
		st.writing.Lock()
	}
	st.writing.Unlock()
	close(st.gone)
	return nil
}

// LocalAddr is the address of the connection that carries the stream.
func (st *http2Stream) LocalAddr() net.Addr { return st.local }

// RemoteAddr is the peer's address.
func (st *http2Stream) RemoteAddr() net.Addr { return st.remote }

// SetDeadline is for both directions.
func (st *http2Stream) SetDeadline(t time.Time) error {
	if err := st.rc.SetReadDeadline(t); err != nil {
		return err
	}
	return st.rc.SetWriteDeadline(t)
}

// SetReadDeadline bounds Read.
func (st *http2Stream) SetReadDeadline(t time.Time) error { return st.rc.SetReadDeadline(t) }

// SetWriteDeadline bounds Write.
func (st *http2Stream) SetWriteDeadline(t time.Time) error { return st.rc.SetWriteDeadline(t) }
