package codec

import (
	"io"

	"github.com/klauspost/compress/flate"
)

// The end of every compressed message, which is not sent: the empty stored
// block that a flush makes, RFC 7692, 7.2.1.
const flushTail = "\x00\x00\xff\xff"

// Deflater compresses messages: RFC 7692, 7.2.1. It keeps nothing of one
// message for the next: who wants a context gives the last bytes of what came
// before as dict. So one Deflater serves any number of connections of its
// window size, one message at a time.
type Deflater struct {
	w   *flate.Writer
	out appender
}

// appender is the Writer that a flate.Writer writes to.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// NewDeflater returns a Deflater that looks back 1<<bits bytes at most, bits
// from MinWindowBits to MaxWindowBits. level is that of compress/flate, 1 to 9,
// and counts for 15 bits only: smaller windows have one level. It panics if
// bits or level are out of range. A Deflater holds about 0.5 to 1.2 MB.
func NewDeflater(bits, level int) *Deflater {
	x := new(Deflater)
	var err error
	if bits == MaxWindowBits {
		x.w, err = flate.NewWriter(&x.out, level)
	} else {
		x.w, err = flate.NewWriterWindow(&x.out, 1<<bits)
	}
	if err != nil || bits < MinWindowBits || bits > MaxWindowBits || level < 1 || level > 9 {
		panic("codec: NewDeflater: bits or level out of range")
	}
	return x
}

// Append compresses src as one message and appends it to dst, without the tail
// that is not sent. dict is what a peer that keeps a context has of the
// messages before, at most the window; nil stands for none. Neither src nor
// dict is kept. An error is one of compress/flate, which has none to give when it
// writes to memory; dst is as it was then.
func (x *Deflater) Append(dst, src, dict []byte) ([]byte, error) {
	if len(src) == 0 {
		return append(dst, 0), nil // RFC 7692, 7.2.3.6: an empty message
	}
	x.out.b = dst
	x.w.ResetDict(&x.out, dict)
	if _, err := x.w.Write(src); err != nil {
		return dst, err
	}
	if err := x.w.Flush(); err != nil {
		return dst, err
	}
	b := x.out.b
	x.out.b = nil
	return b[:len(b)-len(flushTail)], nil
}

var _ io.Writer = (*appender)(nil)
