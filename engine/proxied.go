package engine

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/weirws/weir/codec"
)

// trusts reports whether a is a trusted proxy's. What has no address came by a
// Unix socket: who may connect to that, its permissions say.
func (s *settings) trusts(a netip.Addr) bool {
	if len(s.TrustedProxies) == 0 {
		return false
	}
	a = a.Unmap()
	return !a.IsValid() || slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// readProxy takes bytes of the PROXY header that comes before all else, and
// returns what is behind it, once that is known: then c goes on with phaseHead,
// or is gone. It is called on the loop.
func (c *Conn) readProxy(l *loop, b []byte) (rest []byte) {
	all := b
	if c.in != nil {
		c.in.stash(b)
		all = c.in.rest.B
	}
	source, n, err := codec.ParseProxy(all)
	switch {
	case err != nil:
		l.count.violations.Add(1)
		l.core.Log.Debug("engine: a trusted proxy sent no PROXY header", "remote", c.RemoteAddr())
		c.teardown(l, nil)
		return nil
	case n == 0:
		if c.in == nil {
			in := inbounds.Get().(*inbound)
			in.loop = l
			in.stash(b)
			l.adopt(c, in)
		}
		return nil
	}
	rest = all[n:]
	if in := c.in; in != nil {
		rest = bytes.Clone(rest)
		in.drop()
		in.home()
		c.in = nil
	}
	c.phase = phaseHead
	if source.IsValid() && !c.become(source) {
		c.teardown(l, nil)
		return nil
	}
	return rest
}

// become makes a the peer's address, of whom a proxy speaks. False: there are
// too many of that address. Nobody else asks for the address yet.
func (c *Conn) become(a netip.AddrPort) bool {
	co := c.route.core
	if !co.arrivals.move(c.peer, compact(a), time.Since(co.start)) {
		return false
	}
	c.setPeer(a)
	return true
}

// clientOf returns the address of the client that a trusted proxy at remote
// speaks for in a request; not valid where it is remote's own. values returns
// the fields of a name.
func (s *settings) clientOf(remote netip.Addr, values func(name string) [][]byte) netip.AddrPort {
	if !s.trusts(remote) {
		return netip.AddrPort{}
	}
	switch s.ClientHeader {
	case "X-Forwarded-For":
		return codec.ForwardedFor(values(s.ClientHeader), s.trusts)
	case "Forwarded":
		return codec.Forwarded(values(s.ClientHeader), s.trusts)
	}
	return netip.AddrPort{}
}

// believe takes the address of the client from a trusted proxy's request. False:
// there are too many of that address.
func (c *Conn) believe(r *codec.Request) bool {
	s := &c.route.core.settings
	a := s.clientOf(c.peer.addrPort().Addr(), func(name string) (values [][]byte) {
		for v := range r.Values(name) {
			values = append(values, v)
		}
		return values
	})
	return !a.IsValid() || c.become(a)
}
