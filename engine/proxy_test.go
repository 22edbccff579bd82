package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// splice carries bytes both ways until one side ends.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			// Either end ends both. What hides the socket keeps io.Copy from opening a pipe that stays open for a while.
			_, _ = io.Copy(struct{ io.Writer }{way[0]}, way[1])
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
}

// tunnels is an HTTP proxy that only knows CONNECT. It wants the user u with the password p.
type tunnels struct {
	passed atomic.Int64
	relays sync.WaitGroup
}

func (p *tunnels) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
		w.Header().Set("Proxy-Authenticate", "Basic")
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect || r.RequestURI != r.Host {
		http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	p.passed.Add(1)
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		to.Close()
		return
	}
	p.relays.Go(func() { // before the client can see an answer, and the test end
		fmt.Fprint(nc, "HTTP/1.1 200 Connection established\r\n\r\n")
		splice(nc, to)
	})
}

// through is a Proxy that always is p.
func through(p string) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(p)
	if err != nil {
		panic(err)
	}
	return http.ProxyURL(u)
}

func TestProxyConnect(t *testing.T) {
	plain := usual.serve(t, greeter, nil)
	secured, trust := usual.serveTLS(t, usual.make(t, greeter, nil))
	var p tunnels
	t.Cleanup(p.relays.Wait)
	hp := httptest.NewServer(&p)
	t.Cleanup(hp.Close)
	sp, _ := usual.serveTLS(t, &p) // with the same certificate
	cl, got := usual.greeted(t)
	t.Cleanup(func() { cl.Close() })
	for i, tc := range []struct{ name, proxy, url string }{
		{"plain", hp.URL, "ws://" + plain.addr},
		{"TLS through plain", hp.URL, secured.URL},
		{"plain through TLS", sp.URL, "ws://" + plain.addr},
		{"TLS through TLS", sp.URL, secured.URL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &DialOptions{TLS: trust, Proxy: through(strings.Replace(tc.proxy, "://", "://u:p@", 1))}
			c, err := cl.Dial(context.Background(), tc.url, o)
			if err != nil {
				t.Fatal(err)
			}
			if g := within(t, "a greeting", got); !strings.HasSuffix(g, " / : ") {
				t.Errorf("the server got %q", g)
			}
			c.SendText(tc.name)
			if m := within(t, "an echo", got); m != tc.name {
				t.Errorf("got %q", m)
			}
			if n := p.passed.Load(); n != int64(i+1) {
				t.Errorf("the proxy has passed %d", n)
			}
			o.Proxy = through(tc.proxy)
			_, err = cl.Dial(context.Background(), tc.url, o)
			var refused *DialError
			if !errors.As(err, &refused) || !refused.Proxy || refused.Status != 407 || string(refused.Body) != "who are you?\n" || refused.Header.Get("Proxy-Authenticate") != "Basic" {
				t.Errorf("without a password: %v", err)
			}
		})
	}
}

// What a proxy may do wrong.
func TestProxyFaults(t *testing.T) {
	cl := usual.client(t, Handler{}, nil)
	for name, answer := range map[string]string{
		"nothing":        "",
		"no HTTP":        "SSH-2.0\r\n",
		"bytes behind":   "HTTP/1.1 200 OK\r\n\r\nx",
		"another switch": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"redirect":       "HTTP/1.1 302 Found\r\nLocation: ws://a/\r\nContent-Length: 0\r\n\r\n",
	} {
		p := fake(t, func(string) string { return answer }, nil)
		_, err := cl.Dial(context.Background(), "ws://a.test", &DialOptions{Proxy: through("http" + p[2:]), MaxRedirects: 3})
		if err == nil || !strings.Contains(err.Error(), "proxy http://") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, p := range []string{"ftp://a", "", "//a"} {
		if _, err := cl.Dial(context.Background(), "ws://a.test", &DialOptions{Proxy: through(p)}); err == nil || !strings.Contains(err.Error(), "scheme") {
			t.Errorf("%q: got %v", p, err)
		}
	}
	mine := errors.New("mine")
	_, err := cl.Dial(context.Background(), "ws://a.test", &DialOptions{Proxy: func(*http.Request) (*url.URL, error) { return nil, mine }})
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	_, err = cl.Dial(context.Background(), "ws://a.test", &DialOptions{Proxy: through("http://u:secret@127.0.0.1:1")})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

// Proxy is asked as net/http's is, for each redirect anew, and not for Unix sockets.
func TestProxyAsked(t *testing.T) {
	s := usual.serve(t, greeter, nil)
	hs := httptest.NewServer(leading(s))
	defer hs.Close()
	cl, _ := usual.greeted(t)
	var asked []string
	o := &DialOptions{MaxRedirects: 1, Proxy: func(r *http.Request) (*url.URL, error) {
		asked = append(asked, r.URL.String())
		return nil, nil
	}}
	if _, err := cl.Dial(context.Background(), away("ws"+hs.URL[4:], "ws://"+s.addr+"/b?c"), o); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || !strings.HasPrefix(asked[0], hs.URL+"/away?") || asked[1] != "http://"+s.addr+"/b?c" {
		t.Errorf("asked for %q", asked)
	}
	asked = nil
	cl.Dial(context.Background(), "wss://127.0.0.1:1/", o)
	if len(asked) != 1 || asked[0] != "https://127.0.0.1:1/" {
		t.Errorf("asked for %q", asked)
	}
	asked = nil
	local := rig{loops: 1, door: unixed}.serve(t, greeter, nil)
	if _, err := cl.Dial(context.Background(), "ws+unix:"+local.addr, o); err != nil || len(asked) != 0 {
		t.Errorf("asked for %q, %v", asked, err)
	}
	o.Proxy = http.ProxyFromEnvironment // which leaves this machine out
	if _, err := cl.Dial(context.Background(), "ws://"+s.addr, o); err != nil {
		t.Error(err)
	}
}

// socksServer is a SOCKS5 proxy (RFC 1928, 1929) that only knows CONNECT. It wants the user u with the password p, and
// knows the host there.test, which is at home.
type socksServer struct {
	home   string
	passed atomic.Int64
}

func (s *socksServer) serve(nc net.Conn) {
	if !s.greet(nc) {
		return
	}
	var head [5]byte // version, command, reserved, kind of address, its first byte
	if _, err := io.ReadFull(nc, head[:]); err != nil {
		return
	}
	n := 4
	if head[3] == 3 {
		n = int(head[4]) + 1
	}
	rest := make([]byte, n+1) // the rest of the address, and the port
	if _, err := io.ReadFull(nc, rest); err != nil || head[0] != 5 || head[1] != 1 {
		return
	}
	to := string(rest[:n-1])
	if head[3] == 1 {
		to = net.IP(append(head[4:5:5], rest[:3]...)).String()
	}
	to = net.JoinHostPort(to, fmt.Sprint(binary.BigEndian.Uint16(rest[n-1:])))
	if strings.HasPrefix(to, "there.test:") {
		to = s.home
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		_, _ = nc.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0}) // host unreachable; the peer reads it or is gone
		return
	}
	s.passed.Add(1)
	_, _ = nc.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // splice notices the end
	splice(nc, out)
}

// greet agrees on a user's name and password.
func (s *socksServer) greet(nc net.Conn) bool {
	var head [2]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil || head[0] != 5 {
		return false
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(nc, methods); err != nil {
		return false
	}
	if !strings.Contains(string(methods), "\x02") {
		_, _ = nc.Write([]byte{5, 0xff}) // the peer reads it or is gone
		return false
	}
	_, _ = nc.Write([]byte{5, 2}) // the read tells
	want := "\x01\x01u\x01p"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(nc, got); err != nil {
		return false
	}
	if string(got) != want {
		_, _ = nc.Write([]byte{1, 1}) // the peer reads it or is gone
		return false
	}
	_, err := nc.Write([]byte{1, 0})
	return err == nil
}

// backEnd says which of poller's serves c.
func backEnd(c *Conn) string {
	return choose(reflect.ValueOf(&c.sock).Elem().FieldByName("stream").IsNil(), "reactor", "streams")
}

func TestProxySOCKS5(t *testing.T) {
	plain := usual.serve(t, greeter, nil)
	secured, trust := usual.serveTLS(t, usual.make(t, greeter, nil))
	s := socksServer{home: plain.addr}
	at := listening(t, s.serve)
	cl, got := usual.greeted(t)
	t.Cleanup(func() { cl.Close() })
	proxy := "socks5://u:p@" + at
	direct, err := cl.Dial(context.Background(), "ws://"+plain.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "a greeting", got)
	for i, tc := range []struct{ url, greeting string }{
		{"ws://" + plain.addr + "/a", plain.addr + " /a : "},
		{"ws://there.test/a", "there.test /a : "},
		{secured.URL, secured.Listener.Addr().String() + " / : "},
	} {
		c, err := cl.Dial(context.Background(), tc.url, &DialOptions{Proxy: through(proxy), TLS: trust})
		if err != nil {
			t.Fatalf("%s: %v", tc.url, err)
		}
		if g := within(t, "a greeting", got); g != tc.greeting {
			t.Errorf("the server got %q, want %q", g, tc.greeting)
		}
		c.SendText("hello")
		if !strings.HasPrefix(tc.url, "https:") && backEnd(c) != backEnd(direct) {
			t.Errorf("%s: served by the %s", tc.url, backEnd(c))
		}
		if m := within(t, "an echo", got); m != "hello" || s.passed.Load() != int64(i+1) {
			t.Errorf("got %q after %d", m, s.passed.Load())
		}
	}
	for _, p := range []string{"socks5h://u:wrong@" + at, "socks5://" + at, "socks5://127.0.0.1:1"} {
		if _, err := cl.Dial(context.Background(), "ws://there.test/a", &DialOptions{Proxy: through(p)}); err == nil || !strings.Contains(err.Error(), "proxy socks5") {
			t.Errorf("%s: got %v", p, err)
		}
	}
	if _, err := cl.Dial(context.Background(), "ws://127.0.0.1:1/", &DialOptions{Proxy: through(proxy)}); err == nil {
		t.Error("nobody listens there")
	}
}

// A proxy that says nothing holds up Dial until MaxUpgradeTime, whatever it should speak.
func TestProxySilent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cl := usual.client(t, Handler{}, &Options{MaxUpgradeTime: 50 * time.Millisecond})
	for _, p := range []string{"http://", "https://", "socks5://"} {
		if _, err := cl.Dial(context.Background(), "ws://a.test", &DialOptions{Proxy: through(p + silent.Addr().String())}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", p, err)
		}
	}
}
