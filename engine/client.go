package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/weirws/weir/codec"
)

// Client dials WebSockets. Its connections share its event loops. Its methods
// may be called from any goroutine; Dial and Close block, the others don't.
type Client struct {
	core *core
	base *route
}

// DialOptions are what one Dial asks for. A nil *DialOptions works.
type DialOptions struct {
	// Header is added to the request. Those that the handshake itself sets are
	// refused.
	Header http.Header
	// Subprotocols are offered to the server, the best first. A server that
	// chooses one that was not offered is refused.
	Subprotocols []string
	// Origin is the Origin of the request; none.
	Origin string
	// Value becomes the Conn's Value.
	Value any
	// Dial makes the connection on which the handshake is sent, and which the
	// Client takes over: through a proxy, say, or in memory. network is "tcp",
	// addr the URL's host and port. It may block until ctx ends; a net.Dialer's
	// DialContext.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// NewClient returns a Client whose connections are h's; its Upgrade is not
// used. Of o, what concerns servers is not used either. Its event loops run
// from now on, until Close.
func NewClient(h Handler, o *Options) (*Client, error) {
	set, err := newSettings(o)
	if err != nil {
		return nil, err
	}
	return newClient(h, set)
}

// newClient is NewClient with settings that are valid.
func newClient(h Handler, set settings) (*Client, error) {
	co, err := newCore(set)
	if err != nil {
		return nil, err
	}
	return &Client{core: co, base: co.newRoute(nil, h)}, nil
}

// Dial opens a connection to a ws:// URL. It blocks until the server has
// answered the opening handshake, ctx ends, or MaxUpgradeTime is over. The Conn
// is open when Dial returns, and Open may have been called.
func (cl *Client) Dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("engine: dial: %w", err)
	}
	if u.Scheme != "ws" || u.Host == "" {
		return nil, fmt.Errorf("engine: dial %q: the URL is not ws://host", u.Redacted())
	}
	if o == nil {
		o = new(DialOptions)
	}
	ctx, cancel := context.WithTimeout(ctx, cl.core.MaxUpgradeTime)
	defer cancel()
	dial := o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", hostPort(u))
	if err != nil {
		return nil, fmt.Errorf("engine: dial: %w", err)
	}
	c, err := cl.handshake(ctx, nc, u, o)
	if err != nil {
		_ = nc.Close() // the error that matters is err
		return nil, fmt.Errorf("engine: dial %s: %w", u.Redacted(), err)
	}
	return c, nil
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// handshake shakes hands on nc and makes it a connection.
func (cl *Client) handshake(ctx context.Context, nc net.Conn, u *url.URL, o *DialOptions) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // unblocks what follows
	defer stop()
	key := make([]byte, 16)
	rand.Read(key) // never fails
	head := codec.ClientHead{
		Target:       u.RequestURI(),
		Host:         u.Host,
		Key:          base64.StdEncoding.EncodeToString(key),
		Origin:       o.Origin,
		Subprotocols: o.Subprotocols,
		Header:       o.Header,
	}
	request, err := codec.AppendRequest(nil, &head)
	if err != nil {
		return nil, err
	}
	if _, err := nc.Write(request); err != nil {
		return nil, timed(ctx, err)
	}
	var answer codec.Response
	early, err := readAnswer(nc, &answer)
	if err != nil {
		return nil, timed(ctx, err)
	}
	if err := answer.CheckUpgrade(&head); err != nil {
		if answer.Status != http.StatusSwitchingProtocols {
			return nil, &DialError{Status: answer.Status, Header: answer.Header(), Body: readBody(nc, early), Err: err}
		}
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return cl.attach(nc, string(answer.Subprotocol), bytes.Clone(early), o)
}

// attach makes nc, whose handshake is done, a connection.
func (cl *Client) attach(nc net.Conn, subprotocol string, early []byte, o *DialOptions) (*Conn, error) {
	if !cl.core.reserve() {
		return nil, errors.New("engine: the client has MaxConns connections")
	}
	c := cl.core.newConn(cl.base)
	c.value = o.Value
	c.setAddrs(nc)
	c.opened(subprotocol, nil)
	c.answered = true
	if err := c.attach(nc, nil, early); err != nil {
		cl.core.socketGone(c)
		cl.core.unreserve()
		return nil, err
	}
	return c, nil
}

// readAnswer reads the head of the server's answer and returns what came
// behind it.
func readAnswer(nc net.Conn, answer *codec.Response) (rest []byte, err error) {
	b := make([]byte, 0, maxHeadBytes+1)
	for {
		n, err := nc.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		used, perr := answer.Parse(b, headLimits)
		if perr != nil {
			return nil, perr
		}
		if used > 0 && (answer.Status >= 200 || answer.Status == http.StatusSwitchingProtocols) {
			return b[used:], nil
		}
		if used > 0 { // RFC 9110, 15.2: an interim answer; another follows
			b = b[:copy(b, b[used:])]
			continue
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
	}
}

// readBody reads what it can get of a refusal's body.
func readBody(nc net.Conn, early []byte) []byte {
	body := make([]byte, min(len(early), maxDialBody), maxDialBody)
	copy(body, early)
	_ = nc.SetReadDeadline(time.Now().Add(time.Second)) // what has come by then is enough
	n, _ := io.ReadFull(nc, body[len(body):cap(body)])
	return body[:len(body)+n]
}

// timed prefers the reason for which nc was given a deadline.
func timed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// DialError is a handshake that the server answered otherwise than with 101:
// ws's unexpected-response.
type DialError struct {
	Status int
	Header http.Header
	Body   []byte // the beginning of it, up to 4 KiB
	Err    error
}

// Error says which status it was.
func (e *DialError) Error() string {
	return fmt.Sprintf("engine: the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap returns what is wrong with the answer as a handshake.
func (e *DialError) Unwrap() error { return e.Err }

// Conns yields the open connections, in no particular order.
func (cl *Client) Conns() iter.Seq[*Conn] { return cl.core.open }

// Metrics returns a snapshot of the Client's counters.
func (cl *Client) Metrics() Metrics { return cl.core.metrics() }

// LoopMetrics returns a snapshot of the counters of each event loop.
func (cl *Client) LoopMetrics() []LoopMetrics { return cl.core.loopMetrics() }

// Close ends the Client and all its connections at once, without closing
// frames, and waits until their callbacks have returned. It must not be called
// by a callback, which it would wait for. It returns nil.
func (cl *Client) Close() error {
	cl.core.close()
	return nil
}
