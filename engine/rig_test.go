package engine

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rig is one way to run a Server: what an application sees must not depend on it.
type rig struct {
	inline  bool
	loops   int
	door    door
	streams bool // no reactor
	tls     bool
	deflate bool // messages are compressed
}

// door is how connections come to a Server.
type door string

const (
	listened    door = "listen"  // its own listening socket
	unixed      door = "unix"    // the same on a Unix socket
	attached    door = "attach"  // behind net/http
	handed      door = "upgrade" // a net.Conn and a request, by Server.Upgrade
	http2ed     door = "http2"   // behind net/http, a stream of HTTP/2: where net/http offers them
	reused      door = "reuse"   // listen, and a plain request comes first
	behindProxy door = "proxy"   // listen, and a trusted proxy's header comes first

	// Those of a Client.
	dialled     door = "dial"
	dialledUnix door = "dial unix"
	tunnelled   door = "tunnel" // through a proxy
)

func (r rig) String() string {
	return fmt.Sprintf("%s/%d loops/%s/%s/%s/%s", choose(r.inline, "inline", "workers"), r.loops, r.door,
		choose(r.streams, "streams", choose(r.hidden(), "streams on reactors", "reactor")),
		choose(r.tls || r.door == http2ed, "tls", "plain"), choose(r.deflate, "deflate", "none"))
}

// hidden says whether the connections hide their descriptors.
func (r rig) hidden() bool {
	return r.door == http2ed || r.tls && (r.door == attached || r.door == handed)
}

// backEnd says which of poller's serves the connections: what hides its descriptor is a stream, and so is everything on
// Windows.
func (r rig) backEnd() string {
	return choose(r.streams || r.hidden() || runtime.GOOS == "windows", "streams", "reactor")
}

func choose[T any](b bool, yes, no T) T {
	if b {
		return yes
	}
	return no
}

// rigs are those of a Server.
func rigs() []rig { return rigsOf(listened, unixed, attached, handed) }

// rigsOf are all that have one of these doors. A dimension more is a loop more.
func rigsOf(doors ...door) (all []rig) {
	for _, inline := range []bool{false, true} {
		for _, loops := range []int{1, 4} {
			for _, d := range doors {
				for _, streams := range []bool{false, true} {
					for _, secure := range []bool{false, true} {
						all = append(all, rig{inline: inline, loops: loops, door: d, streams: streams, tls: secure})
					}
				}
			}
		}
	}
	return all
}

// eachRig runs test for every rig.
func eachRig(t *testing.T, test func(t *testing.T, r rig)) {
	for _, r := range rigs() {
		t.Run(r.String(), func(t *testing.T) { test(t, r) })
	}
}

// eachMode runs test with workers and inline, on a listener of the Server's own.
func eachMode(t *testing.T, test func(t *testing.T, r rig)) {
	for _, inline := range []bool{false, true} {
		r := rig{inline: inline, loops: 2, door: listened}
		t.Run(choose(inline, "inline", "workers"), func(t *testing.T) { test(t, r) })
	}
}

// bothEnds are both back ends, plain and with TLS, with workers.
func bothEnds() (all []rig) {
	for _, streams := range []bool{false, true} {
		for _, secure := range []bool{false, true} {
			all = append(all, rig{loops: 2, door: listened, streams: streams, tls: secure})
		}
	}
	return all
}

// eachEnd is eachMode, and also on the other back end and with TLS.
func eachEnd(t *testing.T, test func(t *testing.T, r rig)) {
	for _, r := range []rig{
		{loops: 2, door: listened},
		{loops: 2, door: listened, inline: true},
		{loops: 2, door: listened, tls: true},
		{loops: 2, door: listened, inline: true, streams: true},
		{loops: 2, door: listened, streams: true, tls: true},
	} {
		t.Run(r.String(), func(t *testing.T) { test(t, r) })
	}
}

// usual is the rig of a test for which any would do.
var usual = rig{loops: 2, door: listened}

// running is a Server under test, and where it is to be found. Its callbacks are held to the rules of Handler.
type running struct {
	*Server
	t             testing.TB
	network, addr string
	door          door
	tls           bool
	rules         *rules
	log           *logBook
	panics        uint64 // those that the test provokes
	deflate       bool   // dial makes peers that compress
}

// serve runs a Server until the end of t.
func (r rig) serve(t testing.TB, h Handler, o *Options) *running {
	t.Helper()
	s := r.make(t, h, o)
	s.start(r.door)
	return s
}

// start opens the door.
func (s *running) start(d door) {
	s.t.Helper()
	s.door = d
	switch d {
	case listened, reused, behindProxy:
		s.listen("127.0.0.1:0")
	case unixed:
		s.listen("unix:" + filepath.Join(s.t.TempDir(), "s"))
	case attached:
		hs := httptest.NewUnstartedServer(s.Server)
		if s.tls {
			hs.TLS = serverTLS(s.t)
			hs.StartTLS()
		} else {
			hs.Start()
		}
		s.t.Cleanup(hs.Close)
		s.network, s.addr = "tcp", hs.Listener.Addr().String()
	case http2ed:
		s.overHTTP2()
	case handed:
		s.hand()
	}
}

// make makes a Server that is closed at the end of t.
func (r rig) make(t testing.TB, h Handler, o *Options) *running {
	t.Helper()
	home(t)
	s := &running{t: t, tls: r.tls, rules: &rules{t: t}, log: new(logBook), deflate: r.deflate}
	var op Options
	if o != nil {
		op = *o
	}
	if r.tls && op.TLS == nil {
		op.TLS = serverTLS(t)
	}
	switch r.door {
	case reused:
		op.HTTP = site
	case behindProxy:
		op.ProxyProtocol, op.TrustedProxies = true, loopbackProxies
	}
	set := r.settings(t, &op, s.log)
	var err error
	if s.Server, err = newServer(s.rules.hold(h), set); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// settings are those of op under r. What is logged goes to log unless op says where.
func (r rig) settings(t testing.TB, op *Options, log *logBook) settings {
	t.Helper()
	op.Inline, op.Loops = r.inline, r.loops
	if r.deflate {
		op.Compression, op.CompressionThreshold = Compression32K, -1
	}
	if op.Log == nil {
		op.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	set, err := newSettings(op)
	if err != nil {
		t.Fatal(err)
	}
	set.streams = r.streams
	return set
}

// end closes the Server and looks at what it did.
func (s *running) end() {
	s.Close()
	s.rules.ended()
	if m := s.Metrics(); m.Panics != s.panics || m.Conns != 0 || m.Sockets != 0 || m.Upgraded != m.Closed {
		s.t.Errorf("after Close: %+v, want %d panics; log:\n%s", m, s.panics, s.log)
	}
}

func (s *running) listen(addr string) {
	s.t.Helper()
	ln, err := s.Listen(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.network, s.addr = ln.Addr().Network(), ln.Addr().String()
	served := make(chan error, 1)
	go func() { // ends on Close
		if s.tls {
			served <- s.ServeTLS(ln, "", "")
			return
		}
		served <- s.Serve(ln)
	}()
	s.t.Cleanup(func() {
		s.Close()
		if err := <-served; err != ErrServerClosed {
			s.t.Errorf("Serve: %v, want ErrServerClosed", err)
		}
	})
}

// hand accepts connections and gives them to Server.Upgrade.
func (s *running) hand() {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.network, s.addr = "tcp", ln.Addr().String()
	var hands sync.WaitGroup
	hands.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if s.tls {
				nc = tls.Server(nc, serverTLS(s.t))
			}
			hands.Go(func() { s.handOver(nc) })
		}
	})
	s.t.Cleanup(func() {
		ln.Close()
		hands.Wait()
	})
}

// handOver reads a request from nc and has the Server take both.
func (s *running) handOver(nc net.Conn) {
	br := bufio.NewReader(nc)
	_ = nc.SetReadDeadline(time.Now().Add(patience)) // the read tells
	r, err := http.ReadRequest(br)
	if err != nil {
		nc.Close()
		return
	}
	r.RemoteAddr = nc.RemoteAddr().String()
	head, _ := br.Peek(br.Buffered())
	var refused *Refusal
	if err := s.Upgrade(nc, r, bytes.Clone(head)); err != nil && !errors.As(err, &refused) && !errors.Is(err, net.ErrClosed) {
		s.t.Errorf("Upgrade: %v", err)
	}
}

// dial connects to the Server.
func (s *running) dial() *peer {
	s.t.Helper()
	nc, err := net.Dial(s.network, s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.door == behindProxy {
		newPeer(s.t, nc).write(proxyHeader2(nc.LocalAddr().String()))
	}
	if s.tls {
		nc = tls.Client(nc, clientTLS(s.t))
	}
	p := newPeer(s.t, nc)
	if s.door == reused {
		if code, body := p.get("GET /plain HTTP/1.1\r\nHost: a", ""); code != 200 || body != `GET /plain ""` {
			s.t.Errorf("got %d %q", code, body)
		}
	}
	if s.deflate {
		p.zip = newZipper("permessage-deflate; client_max_window_bits")
	}
	return p
}

// open is dial and the opening handshake.
func (s *running) open(fields ...string) *peer {
	s.t.Helper()
	p := s.dial()
	p.shake("/", fields...)
	return p
}

// only waits for the one connection that is open.
func (s *running) only() *Conn {
	s.t.Helper()
	var found []*Conn
	eventually(s.t, "one connection is open", func() bool {
		found = nil
		for c := range s.Conns() {
			found = append(found, c)
		}
		return len(found) == 1
	})
	return found[0]
}

// idle waits until no connection is left.
func (s *running) idle() {
	s.t.Helper()
	eventually(s.t, "all sockets are closed", func() bool { m := s.Metrics(); return m.Sockets == 0 && m.Conns == 0 })
}

// rules hold the callbacks of a Handler to what its comment promises: Open first, Close once and last, one at a time.
type rules struct {
	t     testing.TB
	conns sync.Map // *Conn → *conduct
}

// conduct is what was seen of one Conn.
type conduct struct {
	busy           atomic.Bool
	opened, closed atomic.Int32
}

// hold returns h with its callbacks watched.
func (r *rules) hold(h Handler) Handler {
	open, closed := h.Open, h.Close
	h.Open = func(c *Conn) {
		k := &conduct{}
		if _, again := r.conns.LoadOrStore(c, k); again {
			r.t.Errorf("conn %d: Open is called a second time", c.ID())
		}
		defer r.enter(c, "Open")()
		k.opened.Add(1)
		if s := c.State(); s == Connecting {
			r.t.Errorf("conn %d: in Open the state is %v", c.ID(), s)
		}
		if open != nil {
			open(c)
		}
	}
	h.Close = func(c *Conn, err error) {
		defer r.enter(c, "Close")()
		if k := r.of(c); k != nil && k.closed.Add(1) != 1 {
			r.t.Errorf("conn %d: Close is called a second time", c.ID())
		}
		r.closeError(c, err)
		if closed != nil {
			closed(c, err)
		}
	}
	h.Message = watch2(r, "Message", h.Message)
	h.Ping = watch2(r, "Ping", h.Ping)
	h.Pong = watch2(r, "Pong", h.Pong)
	h.Drop = watch2(r, "Drop", h.Drop)
	if drain := h.Drain; drain != nil {
		h.Drain = func(c *Conn) {
			defer r.enter(c, "Drain")()
			drain(c)
		}
	}
	return h
}

func watch2[A any](r *rules, name string, f func(*Conn, A)) func(*Conn, A) {
	if f == nil {
		return nil
	}
	return func(c *Conn, a A) {
		defer r.enter(c, name)()
		f(c, a)
	}
}

func (r *rules) of(c *Conn) *conduct {
	k, ok := r.conns.Load(c)
	if !ok {
		return nil
	}
	return k.(*conduct)
}

// enter notes that a callback begins; what it returns, that it ends.
func (r *rules) enter(c *Conn, name string) func() {
	k := r.of(c)
	if k == nil {
		r.t.Errorf("conn %d: %s is called before Open", c.ID(), name)
		return func() {}
	}
	if !k.busy.CompareAndSwap(false, true) {
		r.t.Errorf("conn %d: %s is called during another callback", c.ID(), name)
	}
	if name != "Close" && k.closed.Load() > 0 {
		r.t.Errorf("conn %d: %s is called after Close", c.ID(), name)
	}
	return func() { k.busy.Store(false) }
}

// closeError looks at what Close gets.
func (r *rules) closeError(c *Conn, err error) {
	var e *CloseError
	if !errors.As(err, &e) {
		r.t.Errorf("conn %d: Close gets %v, which is no *CloseError", c.ID(), err)
		return
	}
	if !errors.Is(err, net.ErrClosed) {
		r.t.Errorf("conn %d: %v is not net.ErrClosed", c.ID(), err)
	}
	if s := c.State(); s != Closed {
		r.t.Errorf("conn %d: in Close the state is %v", c.ID(), s)
	}
	if got := c.Send(Text, nil); got != net.ErrClosed {
		r.t.Errorf("conn %d: Send in Close: %v", c.ID(), got)
	}
}

// ended wants every Conn closed that was opened.
func (r *rules) ended() {
	r.conns.Range(func(k, v any) bool {
		if c := v.(*conduct); c.opened.Load() != 1 || c.closed.Load() != 1 {
			r.t.Errorf("conn %d: %d × Open, %d × Close", k.(*Conn).ID(), c.opened.Load(), c.closed.Load())
		}
		return true
	})
}

// logBook keeps what is logged.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// echo answers each message with itself.
var echo = Handler{Message: func(c *Conn, m Message) { c.Send(m.Kind, m.Data) }}

// ends is a Handler with a channel that gets what each Close got.
func ends(h Handler) (Handler, <-chan *CloseError) {
	ch := make(chan *CloseError, 1<<14)
	closed := h.Close
	h.Close = func(c *Conn, err error) {
		if closed != nil {
			closed(c, err)
		}
		var e *CloseError
		errors.As(err, &e)
		ch <- e
	}
	return h, ch
}

// pipe connects to the Server through a net.Pipe, which takes no descriptors. There is no TCP to close halfway.
func (s *running) pipe() *peer {
	s.t.Helper()
	ours, theirs := net.Pipe()
	p := newPeer(s.t, ours)
	go s.handOver(theirs) // ends when the request has come, or p is closed
	return p
}
