package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/tlspump"
)

// DialOptions are what one Dial asks for. A nil *DialOptions works. Dial copies
// them.
type DialOptions struct {
	// Header is added to the request. Those that the handshake itself sets are
	// refused. Its Authorization, or else the user and password of the URL, are
	// what the server gets.
	Header http.Header
	// Host is the Host of the request; the URL's.
	Host string
	// Subprotocols are offered to the server, the best first. A server that
	// chooses another, or none, is refused.
	Subprotocols []string
	// Origin is the Origin of the request; none.
	Origin string
	// Value becomes the Conn's Value.
	Value any

	// TLS is for wss:// and https:// URLs. ServerName is the URL's host unless
	// it is set, NextProtos is always http/1.1. A nil one trusts the system's
	// authorities.
	TLS *tls.Config
	// Dial makes the connection on which the handshake is sent, and which the
	// Client takes over: from a certain address, say, or in memory. network is
	// "tcp" or "unix", addr the host and port, of the proxy if there is one, or
	// the socket's path. It may block until ctx ends; a net.Dialer's
	// DialContext.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy returns the proxy for a request, nil for none; no proxy. It is as
	// that of http.Transport, so that http.ProxyFromEnvironment and
	// http.ProxyURL fit; the request's URL has http or https in place of ws or
	// wss. The proxy's URL is http://, https:// (both are asked to CONNECT),
	// socks5:// or socks5h://, with the user and password that it wants.
	// Unix sockets are not asked for.
	Proxy func(*http.Request) (*url.URL, error)

	// MaxRedirects is how many redirects are followed; none. Authorization,
	// Cookie and the like are dropped for good by the first one that leads to
	// another host, or from TLS to plain text.
	MaxRedirects int
	// Redirect, if not nil, is called before a redirect is followed, with the
	// header that is to be sent and that it may change: ws's event. An error
	// ends Dial.
	Redirect func(to *url.URL, header http.Header) error
	// Answered, if not nil, is called with the header of the answer 101, before
	// Open: ws's upgrade event. An error ends Dial.
	Answered func(header http.Header) error
}

// Dial opens a connection to a URL: ws:// or http://, wss:// or https://, or
// ws+unix:/path/of/socket:/path. It blocks until the server has answered the
// opening handshake, ctx ends, MaxUpgradeTime is over, redirects included, or
// Close is called.
// The Conn is open when Dial returns, and Open may have been called. An answer
// other than 101 is a *DialError.
func (cl *Client) Dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, error) {
	return cl.dial(ctx, rawURL, o, cl.base)
}

// dial is Dial of a connection of rt.
func (cl *Client) dial(ctx context.Context, rawURL string, o *DialOptions, rt *route) (*Conn, error) {
	at, err := parseEndpoint(rawURL)
	if err != nil {
		return nil, fmt.Errorf("engine: dial: %w", final{err})
	}
	d := dialing{client: cl, route: rt, at: at}
	if o != nil {
		d.DialOptions = *o
	}
	d.Header = d.Header.Clone()
	d.authorize()
	ctx, cancel := context.WithTimeout(ctx, cl.core.MaxUpgradeTime)
	defer cancel()
	defer context.AfterFunc(cl.life, cancel)()
	for {
		c, err := d.attempt(ctx)
		if err == nil {
			return c, nil
		}
		var next *redirection
		if errors.As(err, &next) {
			if err = d.follow(next); err == nil {
				continue
			}
		}
		if cl.life.Err() != nil {
			err = net.ErrClosed
		}
		return nil, fmt.Errorf("engine: dial %s: %w", d.at.url.Redacted(), err)
	}
}

// dialing is a Dial under way.
type dialing struct {
	DialOptions // Header is its own
	client      *Client
	route       *route
	at          *endpoint
	followed    int // redirects
}

// attempt dials and shakes hands once. A redirect that may be followed is a
// *redirection.
func (d *dialing) attempt(ctx context.Context) (*Conn, error) {
	head := codec.ClientHead{
		Target:       d.at.target,
		Host:         or(d.Host, d.at.host),
		Key:          newKey(),
		Origin:       d.Origin,
		Subprotocols: d.Subprotocols,
		Extensions:   d.client.core.offer(),
		Header:       d.Header,
	}
	request, err := codec.AppendRequest(nil, &head) // it judges them
	if err != nil {
		return nil, final{err}
	}
	nc, pump, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.handshake(ctx, nc, pump, request, &head)
	if err != nil {
		_ = nc.Close() // the error that matters is err
		return nil, err
	}
	return c, nil
}

// newKey returns a Sec-WebSocket-Key: RFC 6455, 4.1.
func newKey() string {
	key := make([]byte, 16)
	rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// connect returns what the handshake is sent on, and what steps it later if it
// is on TLS.
func (d *dialing) connect(ctx context.Context) (net.Conn, *tlspump.Pump, error) {
	nc, err := d.reach(ctx)
	if err != nil || !d.at.secure {
		return nc, nil, err
	}
	config := clientConfig(d.TLS)
	if config.ServerName == "" {
		config.ServerName = d.at.name
	}
	pump := tlspump.Over(nc, config)
	if err := pump.Conn().HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the error that matters is err
		return nil, nil, timed(ctx, err)
	}
	return pump.Conn(), pump, nil
}

// clientConfig returns a copy of config that asks for HTTP/1.1.
func clientConfig(config *tls.Config) *tls.Config {
	if config = config.Clone(); config == nil {
		config = new(tls.Config)
	}
	config.NextProtos = []string{"http/1.1"}
	return config
}

// dial makes a connection of the system, or of DialOptions.Dial.
func (d *dialing) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := d.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, network, addr)
	if err != nil {
		return nil, timed(ctx, err)
	}
	return nc, nil
}

// interrupted has what is done with nc fail once ctx ends, until stop is
// called, which reports whether it came before that.
func interrupted(ctx context.Context, nc net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // a broken nc fails by itself
}

// timed prefers the reason for which what failed was interrupted. A socket that
// was told ctx's deadline may notice it before ctx does.
func timed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return err
}

// handshake shakes hands on nc and makes it a connection.
func (d *dialing) handshake(ctx context.Context, nc net.Conn, pump *tlspump.Pump, request []byte, head *codec.ClientHead) (*Conn, error) {
	stop := interrupted(ctx, nc)
	defer stop()
	if _, err := nc.Write(request); err != nil {
		return nil, timed(ctx, err)
	}
	var answer codec.Response
	b, n, err := readAnswer(nc, &answer, d.client.core.head)
	if err != nil {
		return nil, timed(ctx, err)
	}
	err = answer.CheckUpgrade(head)
	switch {
	case err != nil && answer.Status == http.StatusSwitchingProtocols:
		return nil, err
	case err != nil:
		return nil, d.refused(ctx, nc, &answer, b, err)
	case answer.Subprotocol == nil && len(head.Subprotocols) > 0:
		return nil, errNoSubprotocol
	}
	agreed, err := d.client.core.agreeTo(&answer)
	if err != nil {
		return nil, err
	}
	if d.Answered != nil {
		if err := d.Answered(answer.Header()); err != nil {
			return nil, final{err}
		}
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return d.client.attach(d.route.with(agreed), nc, pump, string(answer.Subprotocol), bytes.Clone(b[n:]), d.Value)
}

var errNoSubprotocol = errors.New("the server chose none of the subprotocols that were offered")

// refused returns what an answer other than 101 comes to.
func (d *dialing) refused(ctx context.Context, nc net.Conn, answer *codec.Response, b []byte, err error) error {
	refused := &DialError{Status: answer.Status, Header: answer.Header(), Err: err}
	leads := d.MaxRedirects > 0 && isRedirect(refused)
	if leads && d.followed < d.MaxRedirects {
		return &redirection{refused}
	}
	refused.Body = readBody(ctx, nc, b)
	if leads {
		return fmt.Errorf("stopped after %d redirects: %w", d.followed, refused)
	}
	return refused
}

// attach makes nc, whose handshake is done, a connection. early was read of it.
func (cl *Client) attach(rt *route, nc net.Conn, pump *tlspump.Pump, subprotocol string, early []byte, value any) (*Conn, error) {
	if !cl.core.reserve() {
		return nil, errors.New("the client has MaxConns connections")
	}
	c := cl.core.newConn(rt)
	c.value = value
	c.setAddrs(nc)
	c.opened(subprotocol, nil)
	c.answered = true
	if err := c.attach(nc, pump, early); err != nil {
		cl.core.socketGone(c)
		cl.core.unreserve()
		return nil, err
	}
	return c, nil
}
