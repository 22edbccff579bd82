package engine

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/weirws/weir/codec"
)

// Request is an opening handshake that [Handler.Upgrade] judges. It is the
// callback's alone until the callback returns; HTTP may be kept longer.
type Request struct {
	// HTTP is the request as net/http would give it: URL, Header, Host,
	// RemoteAddr, cookies, and path values of a pattern given to
	// [Server.Handle]. It has no body. Its context ends when Upgrade has
	// returned, and at MaxUpgradeTime.
	HTTP *http.Request
	// RemoteAddr is the peer's address; invalid for a Unix socket.
	RemoteAddr netip.AddrPort
	// Subprotocols are those that the client offers, in its order.
	Subprotocols []string

	subprotocol string
	chosen      bool
	header      http.Header
}

// SetSubprotocol chooses what the answer says of Sec-WebSocket-Protocol: one
// of Subprotocols, or none by "". Without it the first of
// [Options.Subprotocols] that was offered is chosen. It returns an error if
// the client did not offer p: RFC 6455, 4.2.2.
func (r *Request) SetSubprotocol(p string) error {
	if p != "" && !slices.Contains(r.Subprotocols, p) {
		return fmt.Errorf("engine: subprotocol %q was not offered", p)
	}
	r.subprotocol, r.chosen = p, true
	return nil
}

// ResponseHeader returns headers to be added to the answer. One that the
// handshake itself sets, or that would break out of its line, makes it a 500.
func (r *Request) ResponseHeader() http.Header {
	if r.header == nil {
		r.header = make(http.Header)
	}
	return r.header
}

// Refusal is the error by which [Handler.Upgrade] refuses an upgrade with an
// HTTP status, headers and a body of its choice. The zero Status is 403, the
// zero Body the status text.
type Refusal = codec.Refusal
