package tlspump

import (
	"net"
	"time"
)

// transport is what the tls.Conn of a Pump takes for its socket.
type transport struct {
	addrs Addrs
	shake *Handshake // while it runs; constant meanwhile
	block net.Conn   // while the Pump blocks; nil otherwise

	// in is ciphertext that the tls.Conn has not had. While shake runs its mu
	// guards it.
	in []byte
	// left is how much of the record is still to come whose header was read,
	// header how much of the next header was, and size what it says so far.
	left, header, size int

	// out[sent:] is ciphertext that the socket has not had.
	out  []byte
	sent int
}

var _ net.Conn = (*transport)(nil)

// dryError is what a Read gets while there is no input. crypto/tls keeps what it
// has of a record and may be asked again, since the error is temporary.
type dryError struct{}

func (dryError) Error() string   { return "tlspump: there is no input" }
func (dryError) Timeout() bool   { return true }
func (dryError) Temporary() bool { return true }

var errDry net.Error = dryError{}

// Read gives no more than the rest of one record: what the tls.Conn keeps stays
// small, whatever came in.
func (t *transport) Read(b []byte) (int, error) {
	if t.shake != nil {
		return t.shake.read(t, b)
	}
	if len(t.in) > 0 {
		return t.take(b), nil
	}
	if t.block != nil {
		t.left, t.header = 0, 0 // nobody counts
		return t.block.Read(b)
	}
	return 0, errDry
}

// take moves input to b, up to the end of a record.
func (t *transport) take(b []byte) (n int) {
	for n < len(b) && len(t.in) > 0 {
		if t.left > 0 {
			m := copy(b[n:min(len(b), n+t.left)], t.in)
			t.in, t.left, n = t.in[m:], t.left-m, n+m
			if t.left == 0 {
				return n
			}
			continue
		}
		b[n] = t.in[0]
		t.size = t.size<<8 | int(t.in[0])
		t.in, n = t.in[1:], n+1
		if t.header++; t.header == headerBytes {
			t.left, t.header, t.size = t.size&0xffff, 0, 0
			if t.left == 0 {
				return n
			}
		}
	}
	return n
}

// Write never fails but when the Pump blocks.
func (t *transport) Write(b []byte) (int, error) {
	if t.shake != nil {
		t.shake.out = append(t.shake.out, b...)
		return len(b), nil
	}
	if t.block != nil {
		if len(t.out) > 0 {
			if _, err := t.block.Write(t.out[t.sent:]); err != nil {
				return 0, err
			}
			t.written()
		}
		return t.block.Write(b)
	}
	t.add(b)
	return len(b), nil
}

// Close closes the socket of a Pump that blocks. Otherwise that is its owner's.
func (t *transport) Close() error {
	if t.block != nil {
		return t.block.Close()
	}
	return nil
}

func (t *transport) LocalAddr() net.Addr {
	if t.block != nil {
		return t.block.LocalAddr()
	}
	return t.addrs.LocalAddr()
}

func (t *transport) RemoteAddr() net.Addr {
	if t.block != nil {
		return t.block.RemoteAddr()
	}
	return t.addrs.RemoteAddr()
}

func (t *transport) SetDeadline(at time.Time) error {
	if t.block != nil {
		return t.block.SetDeadline(at)
	}
	return nil
}

func (t *transport) SetReadDeadline(at time.Time) error {
	if t.block != nil {
		return t.block.SetReadDeadline(at)
	}
	return nil
}

func (t *transport) SetWriteDeadline(at time.Time) error {
	if t.block != nil {
		return t.block.SetWriteDeadline(at)
	}
	return nil
}
