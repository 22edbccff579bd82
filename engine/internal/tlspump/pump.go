// Package tlspump runs crypto/tls without a socket: a connection whose
// handshake is done is stepped from memory, on whatever goroutine has
// ciphertext for it or plaintext to send.
//
// Most programs import engine only.
package tlspump

import (
	"crypto/tls"
	"errors"
	"net"
)

// Addrs is whose connection a Pump is.
type Addrs interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// Socket takes ciphertext. Write takes as much as it can and does not block; it
// keeps nothing of b.
type Socket interface {
	Write(b []byte) (n int, err error)
}

// Pump is one end of a TLS connection. It is in one of three states: its
// Handshake runs, it is stepped, or it blocks, as any net.Conn. Its owner
// serialises the calls of its methods, none of which blocks.
//
// What crypto/tls keeps per connection is all that an idle Pump holds.
type Pump struct {
	tls *tls.Conn
	t   transport
	// owed is true while the last byte of the plaintext that was encrypted is
	// not accepted, because ciphertext waits: who has written all has then
	// written it to the socket.
	owed bool
}

// ErrReplies is the error of a peer that asks for answers and reads none.
var ErrReplies = errors.New("tls: too many answers wait for the peer")

// Server returns the server's end of a connection of a; its Handshake comes
// first.
func Server(a Addrs, cfg *tls.Config) *Pump {
	p := &Pump{t: transport{addrs: a}}
	p.tls = tls.Server(&p.t, cfg)
	return p
}

// Over returns the client's end of a connection over nc, which blocks: Conn
// shakes hands, reads and writes on the caller's goroutine, until Step.
func Over(nc net.Conn, cfg *tls.Config) *Pump {
	if cfg.Renegotiation != tls.RenegotiateNever { // it would be a handshake within a step
		cfg = cfg.Clone()
		cfg.Renegotiation = tls.RenegotiateNever
	}
	p := &Pump{t: transport{block: nc}}
	p.tls = tls.Client(&p.t, cfg)
	return p
}

// Conn returns the connection. While p is stepped only what its state is may be
// asked.
func (p *Pump) Conn() *tls.Conn { return p.tls }

// Block makes Conn a connection over nc for any goroutine. Nothing is lost of
// what p was given. The call is followed by no other but Conn and Step.
func (p *Pump) Block(nc net.Conn) {
	p.t.in = append([]byte(nil), p.t.in...)
	p.t.block = nc
}

// Step undoes Block, or begins what Over has made: p is stepped, as a's
// connection, and what it has read ahead is the first that Read returns. It
// returns the net.Conn, for its owner to serve.
func (p *Pump) Step(a Addrs) net.Conn {
	nc := p.t.block
	p.t.block, p.t.addrs = nil, a
	return nc
}

// Push brings ciphertext. b is a view until Read says that there is no more.
func (p *Pump) Push(b []byte) {
	if len(p.t.in) == 0 {
		p.t.in = b
		return
	}
	p.t.in = append(p.t.in[:len(p.t.in):len(p.t.in)], b...)
}

// Read decrypts one record, or what is left of it, to b, which is not empty. n
// is 0 with a nil error when there is no whole record. The error is io.EOF at
// the peer's close_notify, and final. An answer, such as an alert, may wait to
// be flushed.
func (p *Pump) Read(b []byte) (n int, err error) {
	n, err = p.tls.Read(b)
	if err != nil {
		p.t.in = nil // it was a view
	}
	if err == errDry {
		return n, nil
	}
	if err == nil && p.Waiting() > maxReplyBytes {
		err = ErrReplies
	}
	return n, err
}

// Waiting is the number of bytes of ciphertext that the socket has not taken.
func (p *Pump) Waiting() int { return len(p.t.out) - p.t.sent }

// Held is the memory that ciphertext takes that waits.
func (p *Pump) Held() int { return cap(p.t.out) }

// Queue puts ciphertext behind what waits: a flight of a Handshake.
func (p *Pump) Queue(b []byte) { p.t.add(b) }

// Flush gives s what it takes of the ciphertext that waits. rest is what it
// did not take. It may be called while a Handshake runs.
func (p *Pump) Flush(s Socket) (rest int, err error) { return p.t.flush(s) }

// Write encrypts b as far as s takes it. n < len(b) with a nil error says that
// s is full: the next Write begins with b[n:], at least with its first byte.
// When n is len(b), s has all of it.
func (p *Pump) Write(s Socket, b []byte) (n int, err error) {
	full, err := p.begin(s)
	if full || err != nil || len(b) == 0 {
		return 0, err
	}
	if p.owed {
		p.owed, n = false, 1
	}
	for n < len(b) {
		part := b[n:min(len(b), n+chunkBytes)]
		if full, err = p.encrypt(s, part); err != nil {
			return n, err
		}
		n += len(part)
		if full {
			return n - 1, nil
		}
	}
	return n, nil
}

// WriteBuffers is Write for the bytes of several slices in order.
func (p *Pump) WriteBuffers(s Socket, bufs [][]byte) (n int, err error) {
	full, err := p.begin(s)
	if full || err != nil {
		return 0, err
	}
	var parts gather
	defer parts.drop()
	for i, b := range bufs {
		if p.owed && len(b) > 0 {
			p.owed, n, b = false, 1, b[1:]
		}
		for len(b) > 0 {
			part, used := parts.next(b, i == len(bufs)-1)
			b = b[used:]
			if part == nil {
				continue
			}
			if full, err = p.encrypt(s, part); err != nil {
				return n, err
			}
			n += len(part)
			if full {
				return n - 1, nil
			}
		}
	}
	if part := parts.rest(); part != nil {
		full, err = p.encrypt(s, part)
		n += len(part)
	}
	if full {
		n--
	}
	return n, err
}

// begin flushes what waits. full: s has not taken all of it.
func (p *Pump) begin(s Socket) (full bool, err error) {
	rest, err := p.t.flush(s)
	return rest > 0, err
}

// encrypt sends part. full: s has not taken all of it, and the last byte of part
// is owed.
func (p *Pump) encrypt(s Socket, part []byte) (full bool, err error) {
	if _, err := p.tls.Write(part); err != nil {
		return false, err
	}
	rest, err := p.t.flush(s)
	p.owed = rest > 0
	return p.owed, err
}

// Drop gives back what p holds besides what crypto/tls keeps. Nothing is to be
// called after it.
func (p *Pump) Drop() {
	p.t.written()
	p.t.in = nil
}

// CloseNotify ends what p sends with an alert, as far as s takes it.
func (p *Pump) CloseNotify(s Socket) (rest int, err error) {
	_ = p.tls.CloseWrite() // nothing it writes to fails
	return p.t.flush(s)
}
