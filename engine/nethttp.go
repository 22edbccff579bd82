package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/tlspump"
)

// ServeHTTP answers an opening handshake that a net/http server received, so
// that a Server works behind any mux and middleware: ws's `server` and
// `noServer`. The connection leaves net/http for the event loops, with the
// bytes that were read ahead. Upgrade runs on net/http's goroutine. A request
// that asks for no WebSocket goes to [Options.HTTP], or gets 426.
//
// A WebSocket over HTTP/2, RFC 8441, is served while ServeHTTP runs: it returns
// when the connection has ended. net/http offers them only if the process was
// started with http2xconnect=1 in the environment variable GODEBUG.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if codec.IsConnect(r) {
		s.serveConnect(w, r)
		return
	}
	_, _ = s.takeOver(w, r, nil) // the peer was answered, and what is ours was logged
}

// takeOver makes the connection of r one of rt, nil: of the route that matches. If
// it returns an error r was answered.
func (s *Server) takeOver(w http.ResponseWriter, r *http.Request, rt *route) (*Conn, error) {
	answer, err := s.judgeHTTP(r, rt)
	if err != nil {
		s.refuseHTTP(w, r, err)
		return nil, err
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		answer.giveUp()
		s.core.Log.Error("engine: net/http did not give up a connection", "err", err)
		s.refuseHTTP(w, r, refusal(http.StatusInternalServerError))
		return nil, err
	}
	c, err := s.attach(nc, answer, buffered(rw))
	if err != nil {
		s.core.Log.Info("engine: an upgrade failed", "remote", r.RemoteAddr, "err", err)
	}
	return c, err
}

// Upgrade answers the opening handshake r that was read from nc, and takes nc
// over: ws's handleUpgrade. head is what was read behind the request. If r is
// refused the refusal is written to nc, nc is closed, and the *Refusal returned,
// with its cause. It blocks while the Upgrade callback runs and a refusal is
// written.
func (s *Server) Upgrade(nc net.Conn, r *http.Request, head []byte) error {
	answer, err := s.judgeHTTP(r, nil)
	if err != nil {
		s.core.loops[0].count.refused.Add(1)
		_ = nc.SetWriteDeadline(time.Now().Add(s.core.CloseTimeout)) // the write tells
		refused := asRefusal(err)
		_, werr := nc.Write(codec.AppendRefusal(nil, refused))
		if !errors.As(err, new(*Refusal)) {
			err = fmt.Errorf("%w: %w", refused, err)
		}
		return errors.Join(err, werr, nc.Close())
	}
	_, err = s.attach(nc, answer, head)
	return err
}

// settled is what an upgrade that net/http read was answered with.
type settled struct {
	route       *route
	value       any
	subprotocol string
	head        []byte         // the answer
	header      http.Header    // that Upgrade added to it
	client      netip.AddrPort // that a trusted proxy speaks for; not valid if none does
}

// giveUp gives back the room of a connection that does not come to be, and what
// Upgrade took for it.
func (a *settled) giveUp() {
	a.route.core.unreserve()
	a.route.abandon(a.value)
}

// judgeHTTP does for r what judge does for a request of our own, for a connection
// of rt, nil: of the route that matches. If it returns no error, room for the
// connection is reserved.
func (s *Server) judgeHTTP(r *http.Request, rt *route) (a *settled, err error) {
	if err := codec.CheckHTTP(r); err != nil {
		return nil, err
	}
	if rt == nil {
		if rt, err = s.matchHTTP(r); err != nil {
			return nil, err
		}
	}
	var parsed codec.Request
	parsed.FromHTTP(r)
	if err := s.judgeOrigin(parsed.Origin, parsed.Host); err != nil {
		return nil, err
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr) // invalid for a Unix socket
	client := s.core.clientOf(remote.Addr(), func(name string) (values [][]byte) {
		for _, v := range r.Header.Values(name) {
			values = append(values, []byte(v))
		}
		return values
	})
	if client.IsValid() {
		remote, r = client, r.WithContext(r.Context())
		r.RemoteAddr = client.String()
	}
	if !s.core.arrivals.ask(compact(remote), time.Since(s.core.start)) {
		return nil, tooMany()
	}
	req := &Request{HTTP: r, RemoteAddr: remote, Subprotocols: offered(&parsed)}
	a = &settled{route: rt.with(s.core.accept(&parsed)), client: client}
	if rt.asks() {
		if a.value, err = rt.ask(req); err != nil {
			return nil, err
		}
	}
	a.subprotocol, a.header = req.choose(s.core.Subprotocols), req.header
	if err := s.admit(); err != nil {
		rt.abandon(a.value)
		return nil, err
	}
	if a.head, err = codec.AppendUpgrade(nil, parsed.Key, a.subprotocol, a.route.extensions(), req.header); err != nil {
		a.giveUp()
		s.core.Log.Error("engine: an Upgrade callback made a bad answer", "err", err)
		return nil, refusal(http.StatusInternalServerError)
	}
	return a, nil
}

// ask calls Upgrade on net/http's goroutine.
func (rt *route) ask(req *Request) (value any, err error) {
	if !rt.core.beginUpgrade() {
		return nil, unavailable()
	}
	defer rt.core.endUpgrade()
	ctx, cancel := context.WithTimeout(req.HTTP.Context(), rt.core.MaxUpgradeTime)
	defer cancel()
	req.HTTP = req.HTTP.WithContext(ctx)
	return rt.judge(req)
}

// refuseHTTP answers through net/http.
func (s *Server) refuseHTTP(w http.ResponseWriter, r *http.Request, err error) {
	var asked codec.Request
	asked.FromHTTP(r)
	if !asked.IsUpgrade() && !codec.IsConnect(r) && s.core.HTTP != nil {
		s.core.HTTP.ServeHTTP(w, r)
		return
	}
	s.core.loops[0].count.refused.Add(1)
	ref := asRefusal(err)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	for name, values := range ref.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h.Del("Content-Length") // how the answer is framed is net/http's business
	h.Del("Transfer-Encoding")
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	w.WriteHeader(ref.Status)
	_, _ = io.WriteString(w, ref.Body) // nobody is left to be told
}

// buffered returns what net/http read behind the request.
func buffered(rw *bufio.ReadWriter) []byte {
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // it has that many
	return append([]byte(nil), early...)
}

// attach makes nc, whose handshake was agreed upon, a connection.
func (s *Server) attach(nc net.Conn, a *settled, early []byte) (*Conn, error) {
	var pump *tlspump.Pump
	client := a.client
	if p := asPlain(nc); p != nil {
		nc, early = p.release(early)
		pump, client = p.pump, or(client, p.peer.addrPort())
	}
	_ = nc.SetDeadline(time.Time{}) // an Attach that fails says so itself
	c := s.core.newConn(a.route)
	c.value = a.value
	c.setAddrs(nc)
	if client.IsValid() {
		c.setPeer(client)
	}
	s.core.arrivals.count(c.peer)
	c.opened(a.subprotocol, a.head)
	c.answered = len(a.head) == 0
	if err := c.attach(nc, pump, early); err != nil {
		c.giveUpQueue()
		s.core.socketGone(c)
		a.giveUp()
		return nil, fmt.Errorf("engine: %w", err)
	}
	return c, nil
}

// attach gives c, which is open, its socket: nc, or what pump runs over. early
// was read of it.
func (c *Conn) attach(nc net.Conn, pump *tlspump.Pump, early []byte) error {
	if pump == nil {
		return c.route.core.poll.Attach(nil, nc, early, &c.sock, (*wire)(c))
	}
	s := c.onTLS(&secure{pump: pump, early: early, ready: true})
	return c.route.core.poll.Attach(nil, pump.Step(c), nil, &c.sock, s)
}

// setPeer notes the address of the client, whoever the socket's peer is.
func (c *Conn) setPeer(a netip.AddrPort) {
	c.peer = compact(a)
	if c.more != nil {
		c.more.remote = nil
	}
}

// setAddrs notes the addresses of nc.
func (c *Conn) setAddrs(nc net.Conn) {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok && tcp.Zone == "" {
		c.peer = compact(tcp.AddrPort())
		return
	}
	m := c.extend()
	m.remote, m.local = nc.RemoteAddr(), nc.LocalAddr()
}
