package engine

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// endpoint is where a URL leads: to which socket, and to what behind it.
type endpoint struct {
	url     *url.URL
	network string // "tcp" or "unix"
	addr    string // "host:port", or the path of a Unix socket
	secure  bool   // TLS
	name    string // of the host, as its certificate has it
	host    string // the Host of the request
	target  string // path and query of the request
}

// parseEndpoint reads a URL that somebody wrote.
func parseEndpoint(raw string) (*endpoint, error) {
	u, err := url.Parse(raw)
	if bad := (*url.Error)(nil); errors.As(err, &bad) {
		return nil, fmt.Errorf("the URL: %w", bad.Err) // without the URL, which may have a password
	}
	if u.Fragment != "" {
		return nil, fmt.Errorf("%s: RFC 6455, 3, wants no fragment", u.Redacted())
	}
	return newEndpoint(u)
}

// newEndpoint returns where u leads.
func newEndpoint(u *url.URL) (*endpoint, error) {
	e := &endpoint{url: u, network: "tcp"}
	port := "80"
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		e.secure, port = true, "443"
	case "ws+unix":
		return e, e.unix()
	default:
		return nil, fmt.Errorf("%s: the scheme is not ws, wss, http, https or ws+unix", u.Redacted())
	}
	e.name = u.Hostname()
	if e.name == "" {
		return nil, fmt.Errorf("%s: the URL has no host", u.Redacted())
	}
	// The host's address may have a zone, which means something on this machine
	// only (RFC 6874, 4).
	e.host, _, _ = strings.Cut(e.name, "%")
	if strings.Contains(e.host, ":") {
		e.host = "[" + e.host + "]"
	}
	if p := u.Port(); p != "" && p != port {
		e.host += ":" + p
		port = p
	}
	e.addr, e.target = net.JoinHostPort(e.name, port), u.RequestURI()
	return e, nil
}

// unix reads the rest of ws+unix:/path/of/socket:/path?query, as ws does. A
// colon in the socket's path is written %3A.
func (e *endpoint) unix() error {
	rest := e.url.Opaque // a path that is not absolute
	if rest == "" {
		rest = e.url.EscapedPath()
	}
	socket, target, _ := strings.Cut(rest, ":")
	path, err := url.PathUnescape(socket)
	if err != nil {
		return err
	}
	if path == "" || e.url.Host != "" {
		return fmt.Errorf("%s: the URL is not ws+unix:/path/of/socket:/path", e.url.Redacted())
	}
	e.network, e.addr, e.name, e.host, e.target = "unix", path, "localhost", "localhost", or(target, "/")
	if e.url.RawQuery != "" {
		e.target += "?" + e.url.RawQuery
	}
	return nil
}

var errRedirectUnix = errors.New("a redirect leads to a Unix socket of this machine")

// redirected returns where a Location leads from e.
func (e *endpoint) redirected(location string) (*endpoint, error) {
	ref, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	ref.Fragment, ref.RawFragment = "", ""
	if e.network == "unix" && ref.Scheme == "" && ref.Host == "" { // the same socket
		base, err := url.ParseRequestURI(e.target)
		if err != nil {
			return nil, err
		}
		to := *e
		to.target = base.ResolveReference(ref).RequestURI()
		return &to, nil
	}
	to, err := newEndpoint(e.url.ResolveReference(ref))
	if err == nil && to.network == "unix" {
		return nil, errRedirectUnix
	}
	return to, err
}

// sameHost says whether what is meant for e may be told to other. The ports
// that the schemes imply count as the same one.
func (e *endpoint) sameHost(other *endpoint) bool {
	if e.network == "unix" || other.network == "unix" {
		return e.network == other.network && e.addr == other.addr
	}
	return strings.EqualFold(e.name, other.name) && strings.EqualFold(e.host, other.host)
}
