package engine

import (
	"fmt"

	"github.com/weirws/weir/codec"
)

// agreement is what the opening handshake agreed on for permessage-deflate. It
// belongs to the route, so that it costs a connection nothing.
//
//	bit 0     compressed messages may be sent, by both
//	bit 1     ours may refer to those before
//	bit 2     the peer's may
//	bits 3-5  our window as a power of two, less 8
//	bits 6-8  the peer's
//	bit 9     the server's is named although it is the largest
type agreement uint16

const (
	agreed       agreement = 1 << iota
	agreedOurs             // bit 1
	agreedTheirs           // bit 2

	agreedNamed agreement = 1 << 9
)

// agree packs p as the server, or as the client.
func agree(p codec.DeflateParams, client bool) agreement {
	ourBits, theirBits := p.ServerMaxWindowBits, p.ClientMaxWindowBits
	oursAlone, theirsAlone := p.ServerNoContextTakeover, p.ClientNoContextTakeover
	if client {
		ourBits, theirBits = theirBits, ourBits
		oursAlone, theirsAlone = theirsAlone, oursAlone
	}
	a := agreed | agreement(ourBits-codec.MinWindowBits)<<3 | agreement(theirBits-codec.MinWindowBits)<<6
	if !oursAlone {
		a |= agreedOurs
	}
	if !theirsAlone {
		a |= agreedTheirs
	}
	if p.ServerWindowNamed {
		a |= agreedNamed
	}
	return a
}

// params are what agree packed.
func (a agreement) params(client bool) codec.DeflateParams {
	p := codec.DeflateParams{
		ServerNoContextTakeover: a&agreedOurs == 0,
		ClientNoContextTakeover: a&agreedTheirs == 0,
		ServerMaxWindowBits:     a.ourBits(),
		ClientMaxWindowBits:     a.theirBits(),
		ServerWindowNamed:       a&agreedNamed != 0,
	}
	if client {
		p.ServerNoContextTakeover, p.ClientNoContextTakeover = p.ClientNoContextTakeover, p.ServerNoContextTakeover
		p.ServerMaxWindowBits, p.ClientMaxWindowBits = p.ClientMaxWindowBits, p.ServerMaxWindowBits
	}
	return p
}

func (a agreement) ourBits() int   { return int(a>>3&7) + codec.MinWindowBits }
func (a agreement) theirBits() int { return int(a>>6&7) + codec.MinWindowBits }

// ours reports whether our messages may refer to those before, theirs whether
// the peer's may.
func (a agreement) ours() bool   { return a&agreedOurs != 0 }
func (a agreement) theirs() bool { return a&agreedTheirs != 0 }

// deflateParams are what a server of these settings would like, and a client
// asks for.
func (s *settings) deflateParams(client bool) codec.DeflateParams {
	bits, alone := compressions[s.Compression].bits, !s.Compression.dedicated()
	p := codec.DeflateParams{
		ServerNoContextTakeover: alone,
		ClientNoContextTakeover: alone,
		ServerMaxWindowBits:     bits,
		ClientMaxWindowBits:     bits,
	}
	if s.losesMessages() { // one that is lost can't be referred to
		if client {
			p.ClientNoContextTakeover = true
		} else {
			p.ServerNoContextTakeover = true
		}
	}
	return p
}

// losesMessages reports whether a message that was queued may be dropped.
func (s *settings) losesMessages() bool {
	return s.Overflow == DropOldest || s.Overflow == DropNewest && s.backlogAge != 0
}

// accept chooses among the client's offers.
func (co *core) accept(r *codec.Request) agreement {
	if co.Compression == CompressionOff {
		return 0
	}
	p, ok := r.AcceptDeflate(co.deflateParams(false))
	if !ok {
		return 0
	}
	return agree(p, false)
}

// offer is what a client asks for.
func (co *core) offer() string {
	if co.Compression == CompressionOff {
		return ""
	}
	return co.deflateParams(true).Offer()
}

// agreeTo judges the server's answer to the offer.
func (co *core) agreeTo(r *codec.Response) (agreement, error) {
	if r.Extensions == nil {
		return 0, nil
	}
	fields := 0
	for range r.Values("Sec-WebSocket-Extensions") {
		fields++
	}
	p, ok, err := co.deflateParams(true).CheckDeflate(r.Extensions)
	if err != nil || fields > 1 {
		return 0, fmt.Errorf("%w: extension %q was not offered so", codec.ErrHandshake, r.Extensions)
	}
	if !ok {
		return 0, nil
	}
	return agree(p, true), nil
}

// extensions is what was agreed on, as a server answers it.
func (rt *route) extensions() string {
	if rt.agreement == 0 {
		return ""
	}
	return rt.agreement.params(rt.codec.Client).Answer()
}

// Extensions is what the opening handshake agreed on, as in the server's
// Sec-WebSocket-Extensions; "" if nothing. Any goroutine may call it.
func (c *Conn) Extensions() string { return c.route.extensions() }
