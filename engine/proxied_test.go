package engine

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// loopbackProxies trusts the test's own peers.
var loopbackProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// whoami answers each message with who the engine thinks the peer is: the connection, the request and its
// http.Request.
var whoami = Handler{
	Upgrade: func(r *Request) (any, error) { return fmt.Sprint(r.RemoteAddr, " ", r.HTTP.RemoteAddr), nil },
	Message: func(c *Conn, m Message) { c.SendText(fmt.Sprint(c.RemoteAddr(), " ", c.Value())) },
}

// proxyHeader2 is a PROXY header of version 2 for an IPv4 source.
func proxyHeader2(source string) []byte {
	a := netip.MustParseAddrPort(source)
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x11, 0, 12)
	b = append(append(b, a.Addr().AsSlice()...), 127, 0, 0, 1)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, a.Port()), 443)
}

// TestProxyProtocol shows the address that a trusted proxy names, whole or in pieces, with and without TLS, on sockets
// and streams.
func TestProxyProtocol(t *testing.T) {
	const client = "192.0.2.1:4711"
	for _, row := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 192.0.2.1 127.0.0.1 4711 443\r\n", client},
		{"version 2", string(proxyHeader2(client)), client},
		{"nobody", "PROXY UNKNOWN\r\n", ""},
	} {
		for _, secure := range []bool{false, true} {
			for _, d := range []door{listened, unixed} {
				for _, streams := range []bool{false, true} {
					for _, piecemeal := range []bool{false, true} {
						r := rig{loops: 1, door: d, tls: secure, streams: streams}
						t.Run(fmt.Sprintf("%s/%s/pieces %t", row.name, r, piecemeal), func(t *testing.T) {
							s := r.serve(t, whoami, &Options{ProxyProtocol: true, TrustedProxies: loopbackProxies, HTTP: remoteSite})
							p := s.proxied(row.header, piecemeal)
							p.shake("/")
							p.sendText("who am I?")
							want := row.want
							if want == "" && d == listened {
								want = p.nc.LocalAddr().String()
							}
							if got := string(p.frame().payload); want != "" && got != strings.Join([]string{want, want, want}, " ") {
								t.Errorf("got %q, want %s three times", got, want)
							}
							p.closing()

							// Plain HTTP sees it too, and what comes back from there.
							p = s.proxied(row.header, piecemeal)
							if code, body := p.get("GET / HTTP/1.1\r\nHost: a", ""); code != 200 || want != "" && row.want != "" && body != want {
								t.Errorf("plain HTTP: %d %q, want %q", code, body, want)
							}
							p.shake("/")
							p.sendText("who am I now?")
							if got := string(p.frame().payload); row.want != "" && got != strings.Join([]string{want, want, want}, " ") {
								t.Errorf("after plain HTTP: got %q, want %s three times", got, want)
							}
							p.closing()
							s.idle()
						})
					}
				}
			}
		}
	}
}

var remoteSite = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })

// proxied connects as a proxy that sends header first, at once or in three pieces.
func (s *running) proxied(header string, piecemeal bool) *peer {
	s.t.Helper()
	p := s.raw()
	if !piecemeal {
		if !s.tls {
			return p.behind(header)
		}
		p.write([]byte(header))
	} else {
		for _, part := range [][]byte{[]byte(header[:3]), []byte(header[3 : len(header)-1]), []byte(header[len(header)-1:])} {
			p.write(part)
		}
	}
	if s.tls {
		return newPeer(s.t, tls.Client(p.nc, clientTLS(s.t)))
	}
	return p
}

// behind has the first write of p begin with header.
func (p *peer) behind(header string) *peer {
	return newPeer(p.t, &glued{Conn: p.nc, first: []byte(header)})
}

// glued writes first and what is written first in one piece.
type glued struct {
	net.Conn
	first []byte
}

func (g *glued) Write(b []byte) (int, error) {
	if len(g.first) == 0 {
		return g.Conn.Write(b)
	}
	first := append(bytes.Clone(g.first), b...)
	g.first = nil
	if _, err := g.Conn.Write(first); err != nil {
		return 0, err
	}
	return len(b), nil
}

// TestProxyProtocolMissing closes a trusted proxy that says nothing of whom it speaks for.
func TestProxyProtocolMissing(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r := rig{loops: 1, door: listened, tls: secure}
		s := r.serve(t, whoami, &Options{ProxyProtocol: true, TrustedProxies: loopbackProxies})
		p := s.raw()
		p.write([]byte(ask("/")))
		p.gone()
		s.idle()
		if m := s.Metrics(); m.Violations != 1 {
			t.Errorf("%d violations, want 1", m.Violations)
		}
	}
}

// TestProxyUntrusted believes nobody else, neither a header nor a field.
func TestProxyUntrusted(t *testing.T) {
	s := usual.serve(t, whoami, &Options{ProxyProtocol: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	p := s.raw()
	p.write([]byte("PROXY TCP4 192.0.2.1 127.0.0.1 4711 443\r\n" + ask("/")))
	p.refused(400)
	p = s.raw()
	p.shake("/", "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1")
	p.sendText("who am I?")
	if got := string(p.frame().payload); strings.Contains(got, "192.0.2.1") {
		t.Errorf("got %q", got)
	}
	p.closing()
}

// TestClientHeader shows the client that trusted proxies name, by the field that was chosen, at each door.
func TestClientHeader(t *testing.T) {
	fields := []string{"X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-For: 127.0.0.9", `Forwarded: for=6.6.6.6, for="192.0.2.2:80"`}
	for _, row := range []struct{ header, want string }{{"", "192.0.2.1:0"}, {"Forwarded", "192.0.2.2:80"}, {"none", "127.0.0.1"}} {
		for _, d := range []door{listened, unixed, attached, handed} {
			r := rig{loops: 1, door: d}
			if row.header == "none" && d == unixed {
				continue // it has no address then
			}
			t.Run(fmt.Sprintf("%s/%s", row.header, d), func(t *testing.T) {
				s := r.serve(t, whoami, &Options{TrustedProxies: loopbackProxies, ClientHeader: row.header})
				p := s.open(fields...)
				p.sendText("who am I?")
				got := strings.Fields(string(p.frame().payload))
				for _, g := range got {
					if !strings.HasPrefix(g, row.want) {
						t.Errorf("got %q, want %s three times", got, row.want)
					}
				}
				p.closing()
			})
		}
	}
}

// TestProxyCountsClients: the bound of one address holds for the client, not for the proxy.
func TestProxyCountsClients(t *testing.T) {
	s := usual.serve(t, whoami, &Options{TrustedProxies: loopbackProxies, MaxConnsPerIP: 2})
	from := func(a string) string { return "X-Forwarded-For: " + a }
	first, second := s.open(from("192.0.2.1")), s.open(from("192.0.2.1"))
	p := s.dial()
	p.write([]byte(ask("/", from("192.0.2.1"))))
	if after := p.refused(429).Header.Get("Retry-After"); after != "5" || s.Metrics().TurnedAway != 1 {
		t.Errorf("Retry-After is %q, %d were turned away", after, s.Metrics().TurnedAway)
	}
	other := s.open(from("192.0.2.2"))
	first.closing()
	eventually(t, "it is gone", func() bool { return s.Metrics().Conns == 2 })
	s.open(from("192.0.2.1")).closing()
	second.closing()
	other.closing()
	s.idle()
	if n := len(s.core.arrivals.from); n != 0 {
		t.Errorf("%d addresses are still counted", n)
	}
}

// TestProxyOptions are checked.
func TestProxyOptions(t *testing.T) {
	for _, o := range []Options{
		{ProxyProtocol: true},
		{TrustedProxies: []netip.Prefix{{}}},
		{ClientHeader: "X-Real-IP"},
	} {
		if _, err := New(echo, &o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
