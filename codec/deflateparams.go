package codec

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// ExtensionDeflate is the name of the one extension that there is: RFC 7692.
const ExtensionDeflate = "permessage-deflate"

// The window sizes of RFC 7692, 7.1.2, as powers of two.
const (
	MinWindowBits = 8
	MaxWindowBits = 15
)

// DeflateParams are what two ends agree on for permessage-deflate: RFC 7692,
// 7.1. Window bits are from MinWindowBits to MaxWindowBits.
type DeflateParams struct {
	ServerNoContextTakeover bool // the server compresses each message by itself
	ClientNoContextTakeover bool // the client does
	ServerMaxWindowBits     int  // the server's compressor looks back 1<<bits bytes at most
	ClientMaxWindowBits     int  // the client's does
	// ServerWindowNamed says that the answer names the server's window although
	// it is the largest: a client that asks for a bound is to be told one.
	ServerWindowNamed bool
}

// ErrDeflate is wrapped by what CheckDeflate says of a server's answer.
var ErrDeflate = errors.New("codec: bad answer for permessage-deflate")

// AcceptDeflate chooses the first of the client's offers that the server can
// take, RFC 7692, 5.1 and 7.1, and returns what is agreed on. want is what the
// server would like: it never uses a larger window than that, nor a context
// where that has none, and asks the same of the client as far as the offer
// lets it. A client that did not offer to be told its window is asked not to
// use a context instead, if it may be told a smaller one than 15 bits.
//
// Offers with parameters that are malformed, unknown, repeated or out of range
// are declined: RFC 7692, 7.1. ok is false when none is left.
func (r *Request) AcceptDeflate(want DeflateParams) (p DeflateParams, ok bool) {
	for name, params := range r.Offers() {
		if !strings.EqualFold(string(name), ExtensionDeflate) {
			continue
		}
		o, good := parseDeflate(params, true)
		if !good {
			continue
		}
		return o.accept(want), true
	}
	return DeflateParams{}, false
}

// deflateOffer is a parsed offer or answer. Bits are 0 where they are not
// named, and anyBits where client_max_window_bits has no value.
type deflateOffer struct {
	serverAlone, clientAlone bool
	serverBits, clientBits   int
}

// anyBits says that a client may be told its window.
const anyBits = -1

// accept is what the server makes of a good offer.
func (o deflateOffer) accept(want DeflateParams) DeflateParams {
	p := DeflateParams{
		ServerNoContextTakeover: o.serverAlone || want.ServerNoContextTakeover,
		ClientNoContextTakeover: o.clientAlone || want.ClientNoContextTakeover,
		ServerMaxWindowBits:     want.ServerMaxWindowBits,
		ClientMaxWindowBits:     MaxWindowBits,
	}
	if o.serverBits != 0 {
		p.ServerMaxWindowBits = min(p.ServerMaxWindowBits, o.serverBits)
		p.ServerWindowNamed = p.ServerMaxWindowBits == MaxWindowBits // RFC 7692, 7.1.2.1
	}
	switch {
	case o.clientBits == anyBits:
		p.ClientMaxWindowBits = want.ClientMaxWindowBits
	case o.clientBits != 0:
		p.ClientMaxWindowBits = min(want.ClientMaxWindowBits, o.clientBits)
	case want.ClientMaxWindowBits < MaxWindowBits:
		p.ClientNoContextTakeover = true
	}
	return p
}

// Answer returns what the server says in Sec-WebSocket-Extensions when it has
// agreed on p: RFC 7692, 7.1. A client's window is only named if it was told
// one, which is so if it is smaller than 15 bits.
func (p DeflateParams) Answer() string {
	return p.append(nil, p.ClientMaxWindowBits < MaxWindowBits)
}

// Offer returns what a client says in Sec-WebSocket-Extensions that would like
// p. It always lets the server choose a smaller window for it.
func (p DeflateParams) Offer() string {
	s := p.append(nil, p.ClientMaxWindowBits < MaxWindowBits)
	if p.ClientMaxWindowBits == MaxWindowBits {
		s += "; client_max_window_bits"
	}
	return s
}

func (p DeflateParams) append(b []byte, nameClientBits bool) string {
	b = append(b, ExtensionDeflate...)
	if p.ServerNoContextTakeover {
		b = append(b, "; server_no_context_takeover"...)
	}
	if p.ClientNoContextTakeover {
		b = append(b, "; client_no_context_takeover"...)
	}
	if p.ServerMaxWindowBits < MaxWindowBits || p.ServerWindowNamed {
		b = strconv.AppendInt(append(b, "; server_max_window_bits="...), int64(p.ServerMaxWindowBits), 10)
	}
	if nameClientBits {
		b = strconv.AppendInt(append(b, "; client_max_window_bits="...), int64(p.ClientMaxWindowBits), 10)
	}
	return string(b)
}

// CheckDeflate reads the server's answer to the offer of p: RFC 7692, 7.1. It
// returns what is agreed on; ok is false if the server declined. Anything that
// was not offered is an error, which wraps ErrDeflate.
func (p DeflateParams) CheckDeflate(answer []byte) (agreed DeflateParams, ok bool, err error) {
	if len(bytes.TrimSpace(answer)) == 0 {
		return DeflateParams{}, false, nil
	}
	name, params, rest, more, good := cutExtension(answer)
	if !good || more || len(rest) > 0 || !strings.EqualFold(string(name), ExtensionDeflate) {
		return DeflateParams{}, false, ErrDeflate
	}
	o, good := parseDeflate(params, false)
	if !good || p.ServerNoContextTakeover && !o.serverAlone || o.clientBits == anyBits {
		return DeflateParams{}, false, ErrDeflate
	}
	agreed = DeflateParams{
		ServerNoContextTakeover: o.serverAlone,
		ClientNoContextTakeover: o.clientAlone || p.ClientNoContextTakeover,
		ServerMaxWindowBits:     MaxWindowBits,
		ClientMaxWindowBits:     p.ClientMaxWindowBits,
	}
	if o.serverBits != 0 {
		agreed.ServerMaxWindowBits = o.serverBits
		agreed.ServerWindowNamed = o.serverBits == MaxWindowBits
	}
	if o.clientBits != 0 {
		agreed.ClientMaxWindowBits = min(o.clientBits, p.ClientMaxWindowBits)
	}
	if agreed.ServerMaxWindowBits > p.ServerMaxWindowBits {
		return DeflateParams{}, false, ErrDeflate
	}
	return agreed, true, nil
}

// parseDeflate reads the parameters of an offer or of an answer, each of which
// begins with a semicolon. Each stands once at most and has a value where the
// RFC gives it one.
func parseDeflate(params []byte, offer bool) (o deflateOffer, ok bool) {
	for len(params) > 0 {
		var name, value []byte
		var has bool
		if name, value, has, params = cutParam(params); len(name) == 0 {
			return o, false
		}
		if !o.set(string(name), value, has, offer) {
			return o, false
		}
	}
	return o, true
}

// set takes one parameter.
func (o *deflateOffer) set(name string, value []byte, has, offer bool) bool {
	alone := func(flag *bool) bool {
		was := *flag
		*flag = true
		return !was && !has
	}
	switch name {
	case "server_no_context_takeover":
		return alone(&o.serverAlone)
	case "client_no_context_takeover":
		return alone(&o.clientAlone)
	case "server_max_window_bits":
		was := o.serverBits
		o.serverBits = windowBits(value)
		return was == 0 && o.serverBits != 0
	case "client_max_window_bits":
		was := o.clientBits
		if o.clientBits = windowBits(value); !has && offer {
			o.clientBits = anyBits
		}
		return was == 0 && o.clientBits != 0
	}
	return false
}

// windowBits is the value of v, 0 if it is none: RFC 7692, 7.1.2, wants a
// decimal number without leading zeros from 8 to 15.
func windowBits(v []byte) int {
	switch {
	case len(v) == 1 && (v[0] == '8' || v[0] == '9'):
		return int(v[0] - '0')
	case len(v) == 2 && v[0] == '1' && '0' <= v[1] && v[1] <= '5':
		return 10 + int(v[1]-'0')
	}
	return 0
}

// cutParam cuts the first parameter off a well-formed list, ";name" or
// ";name=value", where the value may be quoted.
func cutParam(s []byte) (name, value []byte, has bool, rest []byte) {
	i := skipSpace(s, 0)
	if i == len(s) || s[i] != ';' {
		return nil, nil, false, nil
	}
	name, i = cutToken(s, i+1)
	if i == len(s) || s[i] != '=' {
		return name, nil, false, s[i:]
	}
	end, ok := skipValue(s, i+1)
	if !ok {
		return nil, nil, false, nil
	}
	return name, unquote(s[i+1 : end]), true, s[end:]
}

// unquote returns a value without its quotes; within them a backslash stands
// for the character after it.
func unquote(v []byte) []byte {
	v = trimSpace(v)
	if len(v) < 2 || v[0] != '"' {
		return v
	}
	v = v[1 : len(v)-1]
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	plain := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		plain = append(plain, v[i])
	}
	return plain
}
