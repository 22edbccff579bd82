package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Target says which server is measured, and how the generator reaches it. It is
// the first field of the options of every scenario. A scenario copies what it keeps.
type Target struct {
	URL         string         // ws://host:port/path or wss://host:port/path; required
	PID         int            // the server's process on this machine, for its CPU and memory; 0: they are left out
	Header      http.Header    // further fields of each handshake; none
	TLS         *tls.Config    // for wss; nil: the defaults of crypto/tls
	Dialing     int            // handshakes under way at once; 64
	DialTimeout time.Duration  // from connect to the 101; 10s
	Sources     int            // source addresses, from 127.0.0.1 on, for a server on a loopback address; as many as the ports ask for
	Compression Compression    // what is offered of permessage-deflate; nothing
	Portable    bool           // goroutines over package net instead of the epoll loop; wss and systems other than Linux have no choice
	Spin        bool           // the epoll loop never sleeps: the server pays for no wake-up of the generator, and a core is used up
	Progress    func(Progress) // is told how far the scenario is, a few times a second, on the goroutine that called it; nil: nobody
}

// Default limits of a Target.
const (
	defaultDialing     = 64
	defaultDialTimeout = 10 * time.Second
	portsPerSource     = 20_000 // connections from one source address: below the 28,232 ports that Linux hands out
	churnSources       = 16     // source addresses where connections come and go: closed ones keep their ports for a minute
)

// endpoint is a Target that was checked.
type endpoint struct {
	Target
	host     string         // for the Host field
	hostname string         // the same without the port
	path     string         // the request's target
	secure   bool           // wss
	addr     netip.AddrPort // where to connect
}

// resolve checks t for a scenario that needs conns connections at a time; churn
// says that it replaces them.
func (t Target) resolve(conns int, churn bool) (*endpoint, error) {
	if t.URL == "" {
		return nil, errors.New("bench: no URL: give one like ws://127.0.0.1:9001/echo")
	}
	u, err := url.Parse(t.URL)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	e := &endpoint{Target: t, path: u.RequestURI(), host: u.Host, hostname: u.Hostname(), secure: u.Scheme == "wss"}
	if u.Scheme != "ws" && !e.secure {
		return nil, fmt.Errorf("bench: the URL %q begins with neither ws:// nor wss://", t.URL)
	}
	if e.hostname == "" {
		return nil, fmt.Errorf("bench: the URL %q names no host", t.URL)
	}
	if u.User != nil {
		return nil, errors.New("bench: the URL names a user, and that is not sent: put an Authorization field into Header")
	}
	at, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), portOf(u)))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	e.addr = netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port())
	e.Header = t.Header.Clone()
	for name, values := range e.Header {
		if strings.ContainsAny(name+strings.Join(values, ""), "\r\n") {
			return nil, fmt.Errorf("bench: the header field %q holds a line break", name)
		}
	}
	return e, e.defaults(conns, churn)
}

// portOf is the port of a URL that was checked: its own or its scheme's.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "wss":
		return "443"
	}
	return "80"
}

// defaults fills the fields that are zero and refuses those that make no sense.
func (e *endpoint) defaults(conns int, churn bool) error {
	if err := e.Compression.check(); err != nil {
		return err
	}
	if e.PID < 0 || e.Dialing < 0 || e.Sources < 0 || e.DialTimeout < 0 {
		return errors.New("bench: PID, Dialing, Sources and DialTimeout are not negative")
	}
	if e.Dialing == 0 {
		e.Dialing = defaultDialing
	}
	if e.DialTimeout == 0 {
		e.DialTimeout = defaultDialTimeout
	}
	if e.Sources == 0 {
		e.Sources = (conns + portsPerSource - 1) / portsPerSource
		if churn {
			e.Sources = max(e.Sources, churnSources)
		}
	}
	if !e.addr.Addr().Is4() || !e.addr.Addr().IsLoopback() {
		e.Sources = 1
	}
	if e.secure {
		e.Portable = true
	}
	return checkDescriptors(conns)
}

// source is the address from which connection id comes; the zero Addr leaves the
// choice to the system.
func (e *endpoint) source(id int) netip.Addr {
	if e.Sources <= 1 {
		return netip.Addr{}
	}
	n := uint32(id%e.Sources) + 1
	return netip.AddrFrom4([4]byte{127, byte(n >> 16), byte(n >> 8), byte(n)})
}
