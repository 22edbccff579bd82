package engine

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/proxy"

	"github.com/weirws/weir/codec"
)

// reach opens a connection to the endpoint, through a proxy if there is one.
func (d *dialing) reach(ctx context.Context) (net.Conn, error) {
	p, err := d.proxy(ctx)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return d.dial(ctx, d.at.network, d.at.addr)
	}
	var nc net.Conn
	switch p.Scheme {
	case "http", "https":
		nc, err = d.tunnel(ctx, p)
	case "socks5", "socks5h":
		nc, err = d.socks(ctx, p)
	default:
		err = errors.New("its scheme is not http, https, socks5 or socks5h")
	}
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", p.Redacted(), err)
	}
	return nc, nil
}

// proxy returns the proxy that is to be used, nil for none.
func (d *dialing) proxy(ctx context.Context) (*url.URL, error) {
	if d.Proxy == nil || d.at.network != "tcp" {
		return nil, nil
	}
	to := *d.at.url
	to.Scheme = "http"
	if d.at.secure {
		to.Scheme = "https"
	}
	r := &http.Request{Method: http.MethodGet, URL: &to, Host: d.at.host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return d.Proxy(r.WithContext(ctx))
}

// portOf returns the host and port of a proxy.
func portOf(p *url.URL, port string) string {
	return net.JoinHostPort(p.Hostname(), or(p.Port(), port))
}

// socks connects through a SOCKS5 proxy, which resolves the name: RFC 1928.
func (d *dialing) socks(ctx context.Context, p *url.URL) (net.Conn, error) {
	var auth *proxy.Auth
	if p.User != nil {
		auth = &proxy.Auth{User: p.User.Username()}
		auth.Password, _ = p.User.Password()
	}
	var nc net.Conn // without what x/net wraps it in, so that the reactor takes it
	dialer, err := proxy.SOCKS5("tcp", portOf(p, "1080"), auth, forward(func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
		nc, err = d.dial(ctx, network, addr)
		return nc, err
	}))
	if err != nil {
		return nil, err
	}
	if _, err := dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", d.at.addr); err != nil {
		return nil, timed(ctx, err)
	}
	return nc, nil
}

// forward is a function as a dialler of x/net/proxy.
type forward func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial is not called: there always is a context.
func (f forward) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

// DialContext is f.
func (f forward) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

// tunnel connects through an HTTP proxy: RFC 9110, 9.3.6.
func (d *dialing) tunnel(ctx context.Context, p *url.URL) (net.Conn, error) {
	port := "80"
	if p.Scheme == "https" {
		port = "443"
	}
	nc, err := d.dial(ctx, "tcp", portOf(p, port))
	if err != nil {
		return nil, err
	}
	if p.Scheme == "https" {
		config := clientConfig(d.TLS)
		config.ServerName = p.Hostname() // that of the configuration is the server's
		secured := tls.Client(nc, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = nc.Close() // the error that matters is err
			return nil, timed(ctx, err)
		}
		nc = secured
	}
	if err := d.askTunnel(ctx, nc, p); err != nil {
		_ = nc.Close() // the error that matters is err
		return nil, err
	}
	return nc, nil
}

var errTunnelBytes = errors.New("it sent bytes of its own behind its answer")

// askTunnel asks the proxy behind nc for a tunnel to the endpoint.
func (d *dialing) askTunnel(ctx context.Context, nc net.Conn, p *url.URL) error {
	stop := interrupted(ctx, nc)
	defer stop()
	r := http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: d.at.addr}, Host: d.at.addr, Header: http.Header{"User-Agent": nil}}
	if p.User != nil {
		r.Header.Set("Proxy-Authorization", basicAuth(p.User))
	}
	if err := r.Write(nc); err != nil {
		return timed(ctx, err)
	}
	var answer codec.Response
	b, n, err := readAnswer(nc, &answer, d.client.core.head)
	switch {
	case err != nil:
		return timed(ctx, err)
	case answer.Status >= 300:
		return &DialError{Status: answer.Status, Header: answer.Header(), Body: readBody(ctx, nc, b), Proxy: true, Err: codec.ErrHandshake}
	case answer.Status < 200 || n < len(b): // the server waits for our first bytes
		return errTunnelBytes
	case !stop():
		return ctx.Err()
	}
	return nil
}

// basicAuth returns the credentials of a URL: RFC 7617.
func basicAuth(u *url.Userinfo) string {
	password, _ := u.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password))
}
