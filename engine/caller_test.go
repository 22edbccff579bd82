package engine

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// calls says whether it is a Client that is under test.
func (r rig) calls() bool { return r.door == dialled || r.door == dialledUnix || r.door == tunnelled }

// caller is a Client under test, and where its peers listen: servers written by hand.
type caller struct {
	*Client
	t     testing.TB
	rig   rig
	ln    net.Listener
	masks masks           // of all its connections
	keys  map[string]bool // of its handshakes
}

// call runs a Client until the end of t, one of whose callbacks panics.
func (r rig) call(t testing.TB, h Handler) *caller {
	t.Helper()
	cl := &caller{Client: r.clientThat(t, h, nil, 1), t: t, rig: r, masks: masks{seen: map[[4]byte]bool{}}, keys: map[string]bool{}}
	network, addr := "tcp", "127.0.0.1:0"
	if r.door == dialledUnix {
		network, addr = "unix", filepath.Join(t.TempDir(), "s")
	}
	var err error
	if cl.ln, err = net.Listen(network, addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.ln.Close() })
	return cl
}

// to returns the URL of a path, and how it is dialled.
func (cl *caller) to(path string) (string, DialOptions) {
	scheme, addr := choose(cl.rig.tls, "wss://", "ws://"), cl.ln.Addr().String()
	o := DialOptions{TLS: &tls.Config{RootCAs: theIdentity(cl.t).pool}} // the name is the URL's
	switch {
	case cl.rig.door == tunnelled:
		o.Proxy = through("http://" + addr)
		return scheme + "weir.test" + path, o
	case cl.rig.door == dialledUnix && cl.rig.tls: // for which there is no scheme
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", addr)
		}
		return scheme + "weir.test" + path, o
	case cl.rig.door == dialledUnix:
		return "ws+unix:" + addr + ":" + path, o
	}
	return scheme + addr + path, o
}

// meet has the Client dial, and returns the server that it reaches, what that is asked, and what becomes of Dial.
func (cl *caller) meet(path string, change func(o *DialOptions)) (p *peer, asked *http.Request, done <-chan error) {
	cl.t.Helper()
	url, o := cl.to(path)
	change(&o)
	ch := make(chan error, 1)
	go func() { // ends with Dial
		_, err := cl.Dial(cl.t.Context(), url, &o)
		ch <- err
	}()
	_ = cl.ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patience)) // Accept tells
	nc, err := cl.ln.Accept()
	if err != nil {
		cl.t.Fatal(err)
	}
	p = newPeer(cl.t, nc)
	if cl.rig.door == tunnelled {
		if r := p.asked(); r.Method != http.MethodConnect || r.Host != choose(cl.rig.tls, "weir.test:443", "weir.test:80") || p.br.Buffered() > 0 {
			cl.t.Errorf("the proxy is asked to %s %s, with %d bytes behind", r.Method, r.Host, p.br.Buffered())
		}
		p.write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	}
	var secured *tls.Conn
	if cl.rig.tls {
		secured = tls.Server(nc, serverTLS(cl.t))
		p = newPeer(cl.t, secured)
	}
	p.masks = &cl.masks
	asked = p.asked()
	if name := choose(cl.rig.door == dialled, "", "weir.test"); secured != nil && secured.ConnectionState().ServerName != name {
		cl.t.Errorf("TLS is asked for %q, want %q", secured.ConnectionState().ServerName, name)
	}
	cl.judge(asked, path)
	return p, asked, ch
}

// asked reads the head of a request.
func (p *peer) asked() *http.Request {
	p.t.Helper()
	r, err := http.ReadRequest(p.br)
	if err != nil {
		p.t.Fatalf("no request: %v", err)
	}
	return r
}

// judge wants an opening handshake: RFC 6455, 4.1.
func (cl *caller) judge(asked *http.Request, path string) {
	cl.t.Helper()
	if asked.Method != http.MethodGet || asked.Proto != "HTTP/1.1" || asked.RequestURI != path || asked.Host == "" {
		cl.t.Errorf("got %s %s %s of %q", asked.Method, asked.RequestURI, asked.Proto, asked.Host)
	}
	for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "13"} {
		if got := asked.Header.Values(name); len(got) != 1 || got[0] != want {
			cl.t.Errorf("got %s: %q, want %q", name, got, want)
		}
	}
	key := asked.Header.Get("Sec-WebSocket-Key")
	if b, err := base64.StdEncoding.DecodeString(key); err != nil || len(b) != 16 || cl.keys[key] {
		cl.t.Errorf("got the key %q; it came before: %t", key, cl.keys[key])
	}
	cl.keys[key] = true
}

func (cl *caller) enter(name string, early []byte, protocols ...string) *peer {
	cl.t.Helper()
	var got string
	p, asked, dialled := cl.meet("/"+name, func(o *DialOptions) {
		o.Value, o.Subprotocols = name, protocols
		o.Answered = func(h http.Header) error { got = h.Get("X-Name"); return nil }
	})
	fields := []string{"X-Name: /" + name}
	if offered := asked.Header.Get("Sec-WebSocket-Protocol"); offered != strings.Join(protocols, ", ") {
		cl.t.Errorf("the subprotocols %q are offered as %q", protocols, offered)
	} else if slices.Contains(protocols, "y") {
		fields = append(fields, "Sec-WebSocket-Protocol: y")
	}
	if offer := asked.Header.Get("Sec-WebSocket-Extensions"); (offer != "") != cl.rig.deflate {
		cl.t.Errorf("the extensions %q are offered", offer)
	} else if cl.rig.deflate {
		p.zip = newZipper(offer)
		fields = append(fields, "Sec-WebSocket-Extensions: permessage-deflate")
	}
	p.write(append([]byte(switching(asked.Header.Get("Sec-WebSocket-Key"), fields...)), early...))
	if err := within(cl.t, "Dial returns", dialled); err != nil || got != "/"+name {
		cl.t.Fatalf("Dial: %v, X-Name: %q", err, got)
	}
	return p
}

func (cl *caller) refused() string {
	cl.t.Helper()
	p, _, dialled := cl.meet("/refused", func(*DialOptions) {})
	p.write([]byte("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"))
	err := within(cl.t, "Dial returns", dialled)
	var refused *DialError
	if !errors.As(err, &refused) {
		cl.t.Fatalf("Dial: %v", err)
	}
	p.gone()
	return fmt.Sprintf("%d %q", refused.Status, refused.Body)
}

func (cl *caller) idle() {
	cl.t.Helper()
	eventually(cl.t, "all sockets are closed", func() bool { m := cl.Metrics(); return m.Sockets == 0 && m.Conns == 0 })
}
