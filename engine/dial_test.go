package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// greeter is a Handler that tells each client what its request was.
var greeter = Handler{
	Upgrade: func(r *Request) (any, error) {
		user, password, _ := r.HTTP.BasicAuth()
		return fmt.Sprintf("%s %s %s:%s %s", r.HTTP.Host, r.HTTP.RequestURI, user, password, r.HTTP.Header.Get("Cookie")), nil
	},
	Open:    func(c *Conn) { c.SendText(c.Value().(string)) },
	Message: echo.Message,
}

// greeted is a Client, and what its connections receive.
func (r rig) greeted(t testing.TB) (*Client, <-chan string) {
	got := make(chan string, 100)
	return r.client(t, Handler{Message: func(_ *Conn, m Message) { got <- m.String() }}, nil), got
}

// serveTLS runs a Server behind net/http with TLS, and returns what a client trusts.
func (r rig) serveTLS(t testing.TB, h http.Handler) (*httptest.Server, *tls.Config) {
	hs := httptest.NewUnstartedServer(h)
	hs.EnableHTTP2 = true // and a WebSocket must not ask for it
	hs.Config.ErrorLog = log.New(io.Discard, "", 0)
	hs.StartTLS()
	t.Cleanup(hs.Close)
	trust := x509.NewCertPool()
	trust.AddCert(hs.Certificate())
	return hs, &tls.Config{RootCAs: trust}
}

// The five schemes.
func TestDialSchemes(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		plain := r.serve(t, greeter, nil)
		local := rig{inline: r.inline, loops: 1, door: unixed}.serve(t, greeter, nil)
		hs, trust := r.serveTLS(t, r.make(t, greeter, nil))
		cl, got := r.greeted(t)
		for _, tc := range []struct{ url, greeting string }{
			{"ws://" + plain.addr, plain.addr + " / : "},
			{"http://" + plain.addr + "/a?b", plain.addr + " /a?b : "},
			{"ws://u:p%40q@" + plain.addr + "/a", plain.addr + " /a u:p@q "},
			{"wss://u@" + hs.Listener.Addr().String() + "/a", hs.Listener.Addr().String() + " /a u: "},
			{hs.URL + "/a", hs.Listener.Addr().String() + " /a : "},
			{"ws+unix:" + local.addr + ":/a?b", "localhost /a?b : "},
			{"ws+unix:" + local.addr, "localhost / : "},
		} {
			c, err := cl.Dial(context.Background(), tc.url, &DialOptions{TLS: trust})
			if err != nil {
				t.Fatalf("%s: %v", tc.url, err)
			}
			if g := within(t, "a greeting", got); g != tc.greeting {
				t.Errorf("%s: the server got %q, want %q", tc.url, g, tc.greeting)
			}
			c.SendText("hello")
			if m := within(t, "an echo", got); m != "hello" {
				t.Errorf("%s: got %q", tc.url, m)
			}
			if err := c.Close(1000, ""); err != nil {
				t.Error(err)
			}
		}
		if trust.NextProtos != nil || trust.ServerName != "" {
			t.Error("Dial has changed the caller's TLS configuration")
		}
	})
}

// What TLS must refuse, and what it must ask for.
func TestDialTLS(t *testing.T) {
	hellos := make(chan *tls.ClientHelloInfo, 10)
	hs, trust := usual.serveTLS(t, usual.make(t, echo, nil))
	hs.TLS.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { hellos <- h; return nil, nil }
	cl := usual.client(t, Handler{}, nil)
	dial := func(o *DialOptions) error {
		c, err := cl.Dial(context.Background(), hs.URL, o)
		if err == nil {
			c.CloseNow()
		}
		return err
	}
	var unknown *tls.CertificateVerificationError
	if err := dial(nil); !errors.As(err, &unknown) {
		t.Errorf("nobody vouches for it: %v", err)
	}
	within(t, "a hello", hellos)
	wrong := trust.Clone()
	wrong.ServerName = "other.test"
	if err := dial(&DialOptions{TLS: wrong}); !errors.As(err, &unknown) {
		t.Errorf("another's certificate: %v", err)
	}
	if h := within(t, "a hello", hellos); h.ServerName != "other.test" {
		t.Errorf("got server name %q", h.ServerName)
	}
	named := trust.Clone()
	named.ServerName, named.NextProtos = "example.com", []string{"h2"}
	if err := dial(&DialOptions{TLS: named}); err != nil {
		t.Error(err)
	}
	if h := within(t, "a hello", hellos); len(h.SupportedProtos) != 1 || h.SupportedProtos[0] != "http/1.1" || h.ServerName != "example.com" {
		t.Errorf("got %q for %q", h.SupportedProtos, h.ServerName)
	}
	byName := &DialOptions{TLS: trust, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, hs.Listener.Addr().String())
	}}
	c, err := cl.Dial(context.Background(), "wss://example.com/", byName)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	if h := within(t, "a hello", hellos); h.ServerName != "example.com" {
		t.Errorf("got server name %q", h.ServerName)
	}
	plain := usual.serve(t, echo, nil)
	if _, err := cl.Dial(context.Background(), "wss://"+plain.addr, nil); err == nil {
		t.Error("a server without TLS is taken for one")
	}
}

// A bad argument is told before anything is dialled.
func TestDialArguments(t *testing.T) {
	cl := usual.client(t, Handler{}, nil)
	for _, o := range []DialOptions{
		{Header: http.Header{"Host": {"a"}}}, {Header: http.Header{"Sec-WebSocket-Key": {"a"}}}, {Header: http.Header{"X": {"a\r\nb"}}},
		{Header: http.Header{"a b": {""}}}, {Subprotocols: []string{""}}, {Subprotocols: []string{"a", "a"}}, {Subprotocols: []string{"a,b"}},
		{Origin: "a\nb"}, {Host: "a b"},
	} {
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%+v is dialled", o)
			return nil, io.EOF
		}
		if _, err := cl.Dial(context.Background(), "ws://a", &o); err == nil || !strings.HasPrefix(err.Error(), "engine: dial ws://a: ") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := cl.Dial(context.Background(), "ws://u:p@a/#b", nil); err == nil || err.Error() != "engine: dial: ws://u:xxxxx@a/#b: RFC 6455, 3, wants no fragment" {
		t.Errorf("got %v", err)
	}
}

// What was offered and is not answered: RFC 6455 lets a client go on, ws does not.
func TestDialSubprotocols(t *testing.T) {
	s := usual.serve(t, echo, &Options{Subprotocols: []string{"b", "c"}})
	cl := usual.client(t, Handler{}, nil)
	for _, tc := range []struct {
		offer []string
		want  string
		ok    bool
	}{{nil, "", true}, {[]string{"a", "c", "b"}, "c", true}, {[]string{"a"}, "", false}} {
		c, err := cl.Dial(context.Background(), "ws://"+s.addr, &DialOptions{Subprotocols: tc.offer})
		if (err == nil) != tc.ok || err == nil && c.Subprotocol() != tc.want {
			t.Errorf("%q: got %v", tc.offer, err)
		}
		if err == nil {
			c.CloseNow()
		}
	}
}

// A header of the caller goes out as it is, its Authorization before the URL's, and is not changed.
func TestDialHeader(t *testing.T) {
	s := usual.serve(t, greeter, nil)
	cl, got := usual.greeted(t)
	header := http.Header{"Cookie": {"a=b"}, "authorization": {basicAuth(url.UserPassword("mine", "own"))}}
	for _, tc := range []struct {
		o        DialOptions
		greeting string
	}{
		{DialOptions{Header: header}, s.addr + " / mine:own a=b"},
		{DialOptions{Header: http.Header{"Cookie": {"a=b"}}, Host: "other.test"}, "other.test / u:p a=b"},
	} {
		if _, err := cl.Dial(context.Background(), "ws://u:p@"+s.addr, &tc.o); err != nil {
			t.Fatal(err)
		}
		if g := within(t, "a greeting", got); g != tc.greeting {
			t.Errorf("the server got %q, want %q", g, tc.greeting)
		}
	}
	if len(header) != 2 {
		t.Errorf("the caller's header is %v", header)
	}
}

// Answered sees the answer before Open is called, and may refuse it.
func TestDialAnswered(t *testing.T) {
	s := usual.serve(t, Handler{Upgrade: func(r *Request) (any, error) { r.ResponseHeader().Set("X-Mine", "yes"); return nil, nil }}, nil)
	var seen string
	opened := make(chan string, 1)
	cl := usual.client(t, Handler{Open: func(*Conn) { opened <- seen }}, nil)
	o := &DialOptions{Answered: func(h http.Header) error { seen = h.Get("X-Mine"); return nil }}
	if _, err := cl.Dial(context.Background(), "ws://"+s.addr, o); err != nil {
		t.Fatal(err)
	}
	if got := within(t, "Open", opened); got != "yes" {
		t.Errorf("got %q", got)
	}
	mine := errors.New("mine")
	o.Answered = func(http.Header) error { return mine }
	if _, err := cl.Dial(context.Background(), "ws://"+s.addr, o); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
}

// A refusal carries the beginning of its body, however that is framed and however long the server keeps the connection.
func TestDialBody(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		for range 3 {
			io.WriteString(w, "part ")
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, strings.Repeat("x", 1<<20))
	})
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	hs := httptest.NewServer(mux)
	defer hs.Close()
	cl := usual.client(t, Handler{}, nil)
	for path, want := range map[string]string{"/short": "no\n", "/chunked": "part part part ", "/long": strings.Repeat("x", maxDialBody), "/none": ""} {
		_, err := cl.Dial(context.Background(), hs.URL+path, nil)
		var refused *DialError
		if !errors.As(err, &refused) || string(refused.Body) != want || refused.Proxy {
			t.Errorf("%s: got %v, body %q", path, err, refused.Body)
		}
	}
	silent := fake(t, func(string) string { return "HTTP/1.1 403 Forbidden\r\nX-Mine: yes\r\n\r\nbegun" }, func(_ net.Conn, br *bufio.Reader) { br.Peek(1) })
	_, err := cl.Dial(context.Background(), silent, nil)
	var refused *DialError
	if !errors.As(err, &refused) || string(refused.Body) != "begun" || refused.Header.Get("X-Mine") != "yes" {
		t.Errorf("got %v", err)
	}
	if !strings.HasSuffix(err.Error(), ": the server answered 403 Forbidden") {
		t.Errorf("got %q", err)
	}
}

// Very many connections of one Client take sockets, and nothing that runs.
func TestDialMany(t *testing.T) {
	for _, tc := range []struct {
		name, scheme string
		rig          rig
		many         int
	}{
		{"plain", "ws://", rig{inline: true, loops: 1, door: listened}, 2000},
		{"TLS", "wss://", rig{inline: true, loops: 1, door: listened, tls: true}, 200},
		{"unix", "ws+unix:", rig{inline: true, loops: 1, door: unixed}, 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.rig.serve(t, echo, &Options{KeepAlive: -1, MaxConnsPerIP: -1, MaxHandshakesPerSecond: -1})
			all := make(chan struct{}, 1)
			left := tc.many
			cl := tc.rig.client(t, Handler{Message: func(*Conn, Message) {
				if left--; left == 0 { // they are all on one loop
					all <- struct{}{}
				}
			}}, &Options{KeepAlive: -1})
			before := runtime.NumGoroutine()
			var conns []*Conn
			for range tc.many {
				c, err := cl.Dial(context.Background(), tc.scheme+s.addr, &DialOptions{TLS: clientTLS(t)})
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
			}
			eventually(t, "no goroutine is left of the dials", func() bool { return runtime.NumGoroutine() <= before })
			for _, c := range conns {
				if err := c.SendText("hello"); err != nil {
					t.Fatal(err)
				}
			}
			within(t, "all echoes", all)
			if n := cl.LoopMetrics()[0].Conns; n != int64(tc.many) {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// MaxUpgradeTime also bounds a server that accepts and never begins with TLS.
func TestDialEndsInTLS(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cl := usual.client(t, Handler{}, &Options{MaxUpgradeTime: 50 * time.Millisecond})
	if _, err := cl.Dial(context.Background(), "wss://"+ln.Addr().String(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// whereDialsWait are the places in which a Dial waits for somebody: in each it tells of that, and waits.
func whereDialsWait(t *testing.T, waits func()) map[string]struct {
	url string
	o   DialOptions
} {
	silent := "ws://" + listening(t, func(nc net.Conn) { waits(); io.Copy(io.Discard, nc) })
	answers := func(answer string) string {
		return fake(t, func(string) string { return answer }, func(nc net.Conn, br *bufio.Reader) { waits(); io.Copy(io.Discard, br) })
	}
	return map[string]struct {
		url string
		o   DialOptions
	}{
		"dialling": {"ws://a.test", DialOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			waits()
			<-ctx.Done()
			return nil, errors.New("it did not come about")
		}}},
		"proxy":        {"ws://a.test", DialOptions{Proxy: through("http" + silent[2:])}},
		"proxy on TLS": {"ws://a.test", DialOptions{Proxy: through("https" + silent[2:])}},
		"SOCKS5":       {"ws://a.test", DialOptions{Proxy: through("socks5" + silent[2:])}},
		"TLS":          {"wss" + silent[2:], DialOptions{}},
		"answer":       {silent, DialOptions{}},
		"half of it":   {answers("HTTP/1.1 101 Switching"), DialOptions{}},
		"interim one":  {answers("HTTP/1.1 103 Early Hints\r\n\r\n"), DialOptions{}},
	}
}

// Whoever ends its context, or closes the Client, ends a Dial wherever it waits, and nothing of it is left.
func TestDialEnded(t *testing.T) {
	home(t)
	waits := make(chan struct{}, 10)
	for name, at := range whereDialsWait(t, func() { waits <- struct{}{} }) {
		for _, closes := range []bool{false, true} {
			t.Run(name+choose(closes, "/Close", "/context"), func(t *testing.T) {
				cl := usual.client(t, Handler{}, &Options{MaxUpgradeTime: time.Hour})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				dialled := make(chan error, 1)
				go func() { // ends with Dial
					_, err := cl.Dial(ctx, at.url, &at.o)
					dialled <- err
				}()
				within(t, "it waits", waits)
				if closes {
					cl.Close()
				} else {
					cancel()
				}
				if err := within(t, "Dial returns", dialled); !errors.Is(err, choose(closes, net.ErrClosed, context.Canceled)) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
