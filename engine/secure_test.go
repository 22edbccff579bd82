package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// secureRig is the rig of a test of TLS for which any would do.
var secureRig = rig{loops: 2, door: listened, tls: true}

// raw connects without a TLS handshake.
func (s *running) raw() *peer {
	s.t.Helper()
	nc, err := net.Dial(s.network, s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return newPeer(s.t, nc)
}

// dialTLS connects as cfg says, which has its trust from elsewhere.
func (s *running) dialTLS(cfg *tls.Config) (*peer, *tls.Conn) {
	s.t.Helper()
	nc := tls.Client(s.raw().nc, cfg)
	if err := nc.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return newPeer(s.t, nc), nc
}

// clientHello returns what a client says first.
func clientHello(t testing.TB) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	go func() { _ = tls.Client(theirs, clientTLS(t)).Handshake() }() // ends with the pipe
	b := make([]byte, 5)
	if _, err := io.ReadFull(ours, b); err != nil {
		t.Fatal(err)
	}
	b = append(b, make([]byte, binary.BigEndian.Uint16(b[3:]))...)
	if _, err := io.ReadFull(ours, b[5:]); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHostile14SilentTLS holds clients that say a hello, or half of one, and nothing more: a good one gets in while
// all of them are there. Half a hello costs no goroutine.
func TestHostile14SilentTLS(t *testing.T) {
	const each = 200
	hello := clientHello(t)
	s := secureRig.serve(t, echo, &Options{MaxUpgradeTime: time.Hour})
	var held []*peer
	before := runtime.NumGoroutine()
	for range each {
		p := s.raw()
		p.write(hello[:len(hello)/2])
		held = append(held, p)
	}
	eventually(t, "all are there", func() bool { return s.Metrics().Sockets == each })
	if n := runtime.NumGoroutine() - before; n >= each {
		t.Errorf("%d goroutines for %d halves of a hello", n, each)
	}
	for range each {
		p := s.raw()
		p.write(hello)
		if _, err := p.br.Peek(5); err != nil { // it is answered, so the handshake is under way
			t.Fatal(err)
		}
		held = append(held, p)
	}
	good := s.open()
	good.sendText("hello")
	good.wantText("hello")
	if n := s.Metrics().Sockets; n != 2*each+1 {
		t.Errorf("%d sockets, want %d: not all are held any more", n, 2*each+1)
	}
	good.closing()
	for _, p := range held {
		p.nc.Close()
	}
	s.idle()
}

// TestHandshakesTakeTurns lets in more clients than handshakes are allowed at a time.
func TestHandshakesTakeTurns(t *testing.T) {
	s := secureRig.serve(t, echo, &Options{MaxTLSHandshakes: 2, MaxUpgradeTime: time.Hour})
	hello := clientHello(t)
	first, second, third := s.raw(), s.raw(), s.raw()
	for _, p := range []*peer{first, second} {
		p.write(hello)
		if _, err := p.br.Peek(5); err != nil {
			t.Fatal(err)
		}
	}
	waits := func() int {
		k := &s.core.shakes
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.queue)
	}
	third.write(hello)
	eventually(t, "one waits", func() bool { return waits() == 1 })
	opened := make(chan *peer)
	go func() { // ends with the good client
		opened <- s.open()
	}()
	eventually(t, "the good one waits too", func() bool { return waits() == 2 })
	third.nc.Close() // before its turn, of which nothing tells: it is not read
	first.nc.Close()
	second.nc.Close()
	p := <-opened
	p.sendText("in")
	p.wantText("in")
	p.closing()
	s.idle()
	eventually(t, "all room is back", func() bool {
		k := &s.core.shakes
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.room == 2 && len(k.queue) == 0
	})
}

// TestHandshakeDeadline closes who takes too long, whatever was said.
func TestHandshakeDeadline(t *testing.T) {
	hello := clientHello(t)
	s := secureRig.serve(t, echo, &Options{MaxUpgradeTime: 200 * time.Millisecond})
	for _, said := range [][]byte{nil, hello[:3], hello[:100], hello} {
		p := s.raw()
		p.write(said)
		_, _ = io.Copy(io.Discard, p.br) // until the end
		p.nc.Close()
	}
	p, _ := s.dialTLS(clientTLS(t)) // and then no request
	p.gone()
	s.idle()
	if got := s.Metrics().Timeouts; got != 5 {
		t.Errorf("%d timeouts, want 5", got)
	}
}

// TestHostile19TLS answers what is no TLS, and what is bad TLS, with an alert or with the end.
func TestHostile19TLS(t *testing.T) {
	record := func(kind byte, version uint16, body string) string {
		return string(binary.BigEndian.AppendUint16(append([]byte{kind}, byte(version>>8), byte(version)), uint16(len(body)))) + body
	}
	for _, row := range []struct {
		name, said string
		alert      byte // 0: none
	}{
		{"garbage", strings.Repeat("\x99", 400), 0},
		{"SSLv2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + strings.Repeat("x", 37), 70},
		{"SSLv3 hello", record(22, 0x300, "\x01\x00\x00\x29\x03\x00"+strings.Repeat("r", 32)+"\x00\x00\x02\x00\x2f\x01\x00"), 70},
		{"a hello of 16 MiB", record(22, 0x301, "\x01\xff\xff\xff"+strings.Repeat("x", 100)), 80},
		{"a record that is too long", "\x16\x03\x01\xff\xff", 22},
		{"an empty record", record(22, 0x301, ""), 10},
		{"application data", record(23, 0x303, "GET"), 0},
		{"a hello of nothing", record(22, 0x301, "\x01\x00\x00\x00"), 50},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := secureRig.serve(t, echo, nil)
			p := s.raw()
			p.write([]byte(row.said))
			got, err := io.ReadAll(p.br)
			if err != nil && !isReset(err) {
				t.Fatal(err)
			}
			if row.alert == 0 && len(got) != 0 || row.alert != 0 && (len(got) != 7 || got[0] != 21 || got[6] != row.alert) {
				t.Errorf("answered with %x, want alert %d", got, row.alert)
			}
			p.nc.Close()
			s.open().closing()
			s.idle()
			if m := s.Metrics(); m.TLSFailures != 1 {
				t.Errorf("%d TLS failures, want 1", m.TLSFailures)
			}
		})
	}
}

// TestPlainOnTLSPort tells a client that forgot the s.
func TestPlainOnTLSPort(t *testing.T) {
	s := secureRig.serve(t, echo, nil)
	p := s.raw()
	p.write([]byte(ask("/")))
	p.refused(400)
	s.idle()
}

// TestTLSBadRecord ends a connection whose ciphertext was changed on its way, with an alert.
func TestTLSBadRecord(t *testing.T) {
	h, closed := ends(echo)
	s := secureRig.serve(t, h, nil)
	p, nc := s.dialTLS(clientTLS(t))
	p.shake("/")
	if _, err := nc.NetConn().Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32))); err != nil {
		t.Fatal(err)
	}
	_, err := p.br.ReadByte()
	if err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("the peer reads %v, want the alert", err)
	}
	if e := <-closed; e.Code != StatusAbnormalClosure || e.Err == nil || !strings.Contains(e.Err.Error(), "bad record MAC") {
		t.Errorf("Close gets %v", e)
	}
}

// TestTLSCutShort tells a FIN without close_notify from an end.
func TestTLSCutShort(t *testing.T) {
	h, closed := ends(echo)
	s := secureRig.serve(t, h, nil)
	p, nc := s.dialTLS(clientTLS(t))
	p.shake("/")
	if err := nc.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if e := <-closed; !errors.Is(e.Err, io.ErrUnexpectedEOF) || e.Code != StatusAbnormalClosure {
		t.Errorf("Close gets %v", e)
	}
	p.gone()
}

// gathering is a connection whose writes wait until flush sends them in one piece.
type gathering struct {
	net.Conn
	held []byte
	on   bool
}

func (g *gathering) Write(b []byte) (int, error) {
	if !g.on {
		return g.Conn.Write(b)
	}
	g.held = append(g.held, b...)
	return len(b), nil
}

// CloseWrite is for connections without TLS, whose end can't wait.
func (g *gathering) CloseWrite() error {
	_, err := g.Conn.Write(g.held)
	g.held = nil
	return errors.Join(err, g.Conn.(*net.TCPConn).CloseWrite())
}

func (g *gathering) flush(t testing.TB) {
	t.Helper()
	g.on = false
	if len(g.held) == 0 {
		return
	}
	_ = g.SetWriteDeadline(time.Now().Add(patience)) // crypto/tls has set one behind its close_notify
	if _, err := g.Conn.Write(g.held); err != nil {
		t.Fatal(err)
	}
}

// TestEndBehind has a peer end its side in the same piece as the messages before, of which all but the first wait. All
// are answered, on TLS too, where the end may be read before it counts.
func TestEndBehind(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, r.tls = range []bool{false, true} {
			for _, r.streams = range []bool{false, true} {
				for _, judged := range []bool{false, true} {
					h, closed := ends(Handler{Message: func(c *Conn, m Message) {
						c.Pause()
						c.Send(m.Kind, m.Data)
						c.Do(c.Resume)
					}})
					if judged {
						h.Upgrade = func(*Request) (any, error) { return nil, nil }
					}
					s := r.serve(t, h, &Options{StrandDepth: 1})
					g := &gathering{Conn: s.raw().nc}
					p := newPeer(t, g)
					if r.tls {
						nc := tls.Client(g, clientTLS(t))
						if err := nc.Handshake(); err != nil {
							t.Fatal(err)
						}
						p = newPeer(t, nc)
					}
					g.on = true
					p.write(join([]byte(ask("/")), text("1"), text("2"), text("3")))
					p.half()
					g.flush(t)
					p.accepted()
					for _, want := range []string{"1", "2", "3"} {
						p.wantText(want)
					}
					p.gone()
					if e := within(t, "Close", closed); e.Code != StatusAbnormalClosure || !e.Peer || e.Err != io.ErrUnexpectedEOF {
						t.Errorf("%v: Close gets %+v", r, e)
					}
					s.idle()
				}
			}
		}
	})
}

// TestTLSSaysGoodbye sends a close_notify with every end that is ours.
func TestTLSSaysGoodbye(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(c *Conn, p *peer)
	}{
		{"closing handshake", func(c *Conn, p *peer) { p.sendClose(1000, ""); p.wantClose(1000) }},
		{"CloseNow", func(c *Conn, p *peer) { c.CloseNow() }},
		{"violation", func(c *Conn, p *peer) { p.write([]byte{0xff, 0x80, 0, 0, 0, 0}); p.wantClose(1002) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := secureRig.serve(t, echo, nil)
			p := s.open()
			row.end(s.only(), p)
			if n, err := p.nc.Read(make([]byte, 10)); n != 0 || err != io.EOF { // crypto/tls: what is no close_notify is an ErrUnexpectedEOF or an ECONNRESET
				t.Errorf("the peer reads %d, %v, want io.EOF", n, err)
			}
			p.nc.Close()
			s.idle()
		})
	}
}

// TestTLSVersions shakes hands in each version, again with a ticket, and with SNI and ALPN as they come.
func TestTLSVersions(t *testing.T) {
	other := newIdentity(t, "other.test")
	cfg := serverTLS(t)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "other.test" {
			if hello.Conn.RemoteAddr().Network() != "tcp" || hello.Conn.LocalAddr() == nil {
				t.Errorf("GetCertificate sees %v and %v", hello.Conn.RemoteAddr(), hello.Conn.LocalAddr())
			}
			return &other.cert, nil
		}
		return nil, nil
	}
	cfg.NextProtos = []string{"h2"}
	s := secureRig.serve(t, Handler{Upgrade: func(r *Request) (any, error) {
		if r.HTTP.TLS == nil || !r.HTTP.TLS.HandshakeComplete {
			t.Errorf("Request.TLS is %v", r.HTTP.TLS)
		}
		return nil, nil
	}, Message: echo.Message}, &Options{TLS: cfg})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			cc := &tls.Config{RootCAs: other.pool, ServerName: "other.test", MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			for i := range 3 {
				p, nc := s.dialTLS(cc)
				p.shake("/")
				p.sendText("hello")
				p.wantText("hello")
				cs := nc.ConnectionState()
				if cs.Version != version || cs.NegotiatedProtocol != "http/1.1" || cs.DidResume != (i > 0) {
					t.Errorf("handshake %d: version %x, %q, resumed %t", i, cs.Version, cs.NegotiatedProtocol, cs.DidResume)
				}
				p.closing()
			}
		})
	}
	if _, err := tls.Dial(s.network, s.addr, &tls.Config{RootCAs: other.pool, ServerName: "other.test", NextProtos: []string{"h2"}}); err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("a client that speaks h2 only gets %v", err)
	}
}

// TestTLSOtherProtocol ends a client whose handshake a callback has agreed on another protocol with.
func TestTLSOtherProtocol(t *testing.T) {
	cfg := serverTLS(t)
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := serverTLS(t)
		c.NextProtos = []string{"h2"}
		return c, nil
	}
	s := secureRig.serve(t, echo, &Options{TLS: cfg})
	cc := clientTLS(t)
	cc.NextProtos = []string{"h2"}
	p, _ := s.dialTLS(cc)
	p.gone()
	s.idle()
}

// TestTLSClientCertificate gives Upgrade the certificate that the client has shown.
func TestTLSClientCertificate(t *testing.T) {
	me := newIdentity(t, "me.test")
	cfg := serverTLS(t)
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, me.pool
	s := secureRig.serve(t, Handler{Upgrade: func(r *Request) (any, error) {
		return r.HTTP.TLS.VerifiedChains[0][0].Subject.CommonName, nil
	}, Message: func(c *Conn, m Message) { c.SendText(c.Value().(string)) }}, &Options{TLS: cfg})
	cc := clientTLS(t)
	cc.Certificates = []tls.Certificate{me.cert}
	p, _ := s.dialTLS(cc)
	p.shake("/")
	p.sendText("who am I?")
	p.wantText("me.test")
	p.closing()

	p = s.dial() // without one; the alert comes behind what looks like success: RFC 8446, 4.4.2.4
	p.write([]byte(ask("/")))
	if _, err := p.br.ReadByte(); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
}

// TestTLSCallbackPanics hurts one connection, and ends none of the loops.
func TestTLSCallbackPanics(t *testing.T) {
	var calls atomic.Int32
	cfg := serverTLS(t)
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		switch calls.Add(1) {
		case 1:
			panic("as told")
		case 2:
			runtime.Goexit()
		}
		return nil, nil
	}
	s := secureRig.serve(t, echo, &Options{TLS: cfg})
	s.panics = 2
	for range 2 {
		p := s.raw()
		if err := tls.Client(p.nc, clientTLS(t)).Handshake(); err == nil {
			t.Error("shaken all the same")
		}
		p.nc.Close()
	}
	s.open().closing()
	if !strings.Contains(s.log.String(), "as told") {
		t.Errorf("the log has %q", s.log)
	}
}

// TestTLSCallbackWaits: a callback that asks the network keeps no other handshake waiting.
func TestTLSCallbackWaits(t *testing.T) {
	answer := make(chan struct{})
	cfg := serverTLS(t)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "slow.test" {
			<-answer
		}
		return nil, nil
	}
	s := secureRig.serve(t, echo, &Options{TLS: cfg, MaxUpgradeTime: time.Hour})
	many := 2 * cap(s.core.shakes.slots)
	done := make(chan error, many)
	for range many {
		nc := s.raw().nc
		go func() { // ends with the answer
			done <- tls.Client(nc, &tls.Config{ServerName: "slow.test", InsecureSkipVerify: true}).Handshake()
		}()
	}
	eventually(t, "all wait", func() bool {
		k := &s.core.shakes
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.room == DefaultMaxTLSHandshakes-many
	})
	s.open().closing()
	close(answer)
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestTLSCloseDuringHandshake: Close waits for a callback of the tls.Config, and then nothing is left.
func TestTLSCloseDuringHandshake(t *testing.T) {
	s := secureRig.serve(t, echo, &Options{MaxUpgradeTime: time.Hour})
	for range 20 {
		p := s.raw()
		p.write(clientHello(t))
		if _, err := p.br.Peek(5); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if n := s.Metrics().Sockets; n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

// TestTLSLarge echoes messages of many records, both ways, to a peer that reads late.
func TestTLSLarge(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.tls = true
		for _, streams := range []bool{false, true} {
			r.streams = streams
			s := r.serve(t, echo, &Options{MaxMessageBytes: 16 << 20, MaxBacklogBytes: 64 << 20})
			p := s.open()
			sizes := []int{0, 1, 1000, 16<<10 - 4, 16 << 10, 70_000}
			for range 8 {
				sizes = append(sizes, 1<<20, 5)
			}
			sent := make(chan struct{})
			go func() { // ends with the last message
				defer close(sent)
				for _, n := range sizes {
					_, _ = p.nc.Write(maskedFrame(0x82, blob(n))) // the echo tells
				}
			}()
			if !streams { // its buffers are full before anybody reads
				eventually(t, "the peer's socket is full", func() bool { return s.Metrics().Blocked == 1 })
			}
			for _, n := range sizes {
				p.want(opBinary, blob(n))
			}
			<-sent
			p.closing()
			s.idle()
			eventually(t, "nothing is charged any more", func() bool { return s.Metrics().Memory == 0 })
		}
	})
}

// TestTLSDone calls Done when the ciphertext is with the socket, not before.
func TestTLSDone(t *testing.T) {
	done := make(chan error, 1)
	s := secureRig.serve(t, Handler{}, &Options{MaxBacklogBytes: 64 << 20})
	p := s.open()
	c := s.only()
	if err := c.SendWith(Binary, bytes.Repeat([]byte("weir"), 4<<20), SendOptions{Done: func(err error) { done <- err }}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the socket is full", func() bool { return s.Metrics().Blocked == 1 })
	if c.Backlog() == 0 {
		t.Error("nothing waits")
	}
	select {
	case err := <-done:
		t.Fatalf("Done was called with %v while the socket is full", err)
	default:
	}
	p.want(opBinary, bytes.Repeat([]byte("weir"), 4<<20))
	if err := <-done; err != nil {
		t.Errorf("Done: %v", err)
	}
	p.closing()
}

// TestTLSTopics publishes to many, some of whom read late.
func TestTLSTopics(t *testing.T) {
	var top Topic
	s := secureRig.serve(t, Handler{Open: top.Subscribe}, &Options{MaxBacklogBytes: 64 << 20})
	peers := make([]*peer, 20)
	for i := range peers {
		peers[i] = s.open()
	}
	eventually(t, "all subscribe", func() bool { return top.Len() == len(peers) })
	const many = 500
	for i := range many {
		top.Publish(Binary, blob(i*20))
	}
	for _, p := range peers {
		for i := range many {
			p.want(opBinary, blob(i*20))
		}
		p.closing()
	}
}

// TestTLSPlainHTTP: plain requests on the TLS port, then an upgrade on the same connection, which comes back to its
// loop.
func TestTLSPlainHTTP(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, streams := range []bool{false, true} {
			r.tls, r.streams = true, streams
			site := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.TLS == nil || q.TLS.ServerName != "weir.test" {
					t.Errorf("Request.TLS is %v", q.TLS)
				}
				site(w, q)
			})
			s := r.serve(t, echo, &Options{HTTP: site})
			p := s.dial()
			if code, body := p.get("GET /a HTTP/1.1\r\nHost: a", ""); code != 200 || body != `GET /a ""` {
				t.Fatalf("got %d %q", code, body)
			}
			big := strings.Repeat("x", 100_000)
			if code, body := p.get("POST /b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 100000", big); code != 200 || body != `POST /b?c "`+big+`"` {
				t.Fatalf("got %d %.80q", code, body)
			}
			p.write([]byte("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + ask("/ws") + string(maskedFrame(0x81, []byte("early")))))
			if code, body := p.read(); code != 200 || body != `GET /1 ""` {
				t.Fatalf("got %d %q", code, body)
			}
			p.accepted()
			p.wantText("early")
			p.sendText("on the loop again")
			p.wantText("on the loop again")
			go p.send(opBinary, blob(1<<20))
			p.want(opBinary, blob(1<<20))
			p.closing()
			eventually(t, "none is left", func() bool { return s.plain.open.Load() == 0 })
		}
	})
}

// TestTLSHijacked serves a *tls.Conn that a net/http server gave up, by its client over HTTP/1.1.
func TestTLSHijacked(t *testing.T) {
	s := usual.make(t, echo, nil)
	mux := http.NewServeMux()
	mux.Handle("/ws", s.Server)
	hs := httptest.NewTLSServer(mux)
	defer hs.Close()
	hc := hs.Client()
	resp, err := hc.Get(hs.URL + "/none")
	if err != nil || resp.StatusCode != 404 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	nc, err := tls.Dial("tcp", hs.Listener.Addr().String(), hc.Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, nc)
	p.shake("/ws")
	for _, n := range []int{0, 5, 70_000, 1 << 20} {
		go p.send(opBinary, blob(n))
		p.want(opBinary, blob(n))
	}
	if got := s.only().RemoteAddr().String(); got != nc.LocalAddr().String() {
		t.Errorf("RemoteAddr is %s, want %s", got, nc.LocalAddr())
	}
	p.closing()
	s.idle()
}

// TestTLSIdle: connections that have shaken hands have no goroutine.
func TestTLSIdle(t *testing.T) {
	s := secureRig.serve(t, echo, nil)
	const many = 300
	before := runtime.NumGoroutine()
	peers := make([]*peer, many)
	for i := range peers {
		peers[i] = s.open()
		peers[i].sendText("hello")
		peers[i].wantText("hello")
	}
	eventually(t, "no goroutine is left", func() bool {
		return runtime.NumGoroutine() < before+DefaultWorkers && runtime.NumGoroutine()-before < many/2
	})
	for _, p := range peers {
		p.closing()
	}
}

// TestListenAndServeTLS serves files.
func TestListenAndServeTLS(t *testing.T) {
	home(t)
	id := newIdentity(t, "files.test")
	certFile, keyFile := id.files(t, t.TempDir())
	s, err := New(echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.ListenAndServeTLS("127.0.0.1:0", certFile, keyFile) }() // ends on Close
	eventually(t, "it listens", func() bool { return s.Addr() != nil })
	nc, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: id.pool})
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, nc)
	p.shake("/")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	down := make(chan error)
	go func() { down <- s.Shutdown(ctx) }() // ends with the peer's answer
	p.wantClose(1001)
	p.sendClose(1001, "")
	p.gone()
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := <-served; err != ErrServerClosed {
		t.Errorf("ListenAndServeTLS: %v", err)
	}
}
