package codec

import "encoding/binary"

// head is a frame header as it was received, not yet judged.
type head struct {
	b0, b1 byte    // the first two bytes; see the bit table in frame.go
	mask   [4]byte // when b1 has bitMask
	length uint64  // any value of 64 bits: RFC 6455, 5.2 forbids the highest bit, so it is judged before it is converted
}

// parseHead reads the header at the beginning of b. n is its length, 0 when b
// does not hold all of it.
func parseHead(b []byte) (h head, n int) {
	if len(b) < 2 {
		return h, 0
	}
	h.b0, h.b1 = b[0], b[1]
	n = 2
	switch h.b1 & bitsLen {
	case len16:
		if len(b) < 4 {
			return h, 0
		}
		h.length, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case len64:
		if len(b) < 10 {
			return h, 0
		}
		h.length, n = binary.BigEndian.Uint64(b[2:]), 10
	default:
		h.length = uint64(h.b1 & bitsLen)
	}
	if h.b1&bitMask == 0 {
		return h, n
	}
	if len(b) < n+4 {
		return h, 0
	}
	h.mask = [4]byte(b[n:])
	return h, n + 4
}

// minimal reports whether the length of h has its shortest form.
func (h *head) minimal() bool {
	switch h.b1 & bitsLen {
	case len16:
		return h.length >= len16
	case len64:
		return h.length > 0xffff
	}
	return true
}

// judgeBits checks the first two bytes of a header against the state of d. It
// needs no more than them, so that a bad frame is refused before its rest came.
func (d *Decoder) judgeBits(b0, b1 byte) *Error {
	op := OpCode(b0 & bitsOp)
	masked, fin, rsv1 := b1&bitMask != 0, b0&bitFIN != 0, b0&bitRSV1 != 0
	switch {
	// RFC 6455, 5.2: reserved bits and opcodes fail the connection.
	case b0&bitsRSV23 != 0, rsv1 && !d.deflate:
		return errRSV
	case op.IsReserved():
		return errOpCode
	// RFC 6455, 5.1: a client masks, a server does not.
	case !masked && !d.client:
		return errUnmasked
	case masked && d.client:
		return errMasked
	// RFC 6455, 5.5: a control frame is short and whole. RFC 7692, 6.1: and
	// not compressed.
	case op.IsControl() && !fin:
		return errControlFin
	case op.IsControl() && b1&bitsLen > MaxControlBytes:
		return errControlSize
	case op.IsControl() && rsv1:
		return errRSV
	case op == OpClose && b1&bitsLen == 1:
		return errCloseLength
	case op.IsControl():
		return nil
	// RFC 6455, 5.4: the frames of two messages do not mix.
	case op == OpContinuation && !d.open:
		return errContinuation
	case op != OpContinuation && d.open:
		return errInterleaved
	// RFC 7692, 6.1: RSV1 is set on the first frame of a message only.
	case op == OpContinuation && rsv1:
		return errRSV
	}
	return nil
}

// judgeLength checks the length of a data frame whose bits were judged, and
// counts it. Nothing is converted before it was compared.
func (d *Decoder) judgeLength(h *head) *Error {
	switch {
	case h.length>>63 != 0:
		return errLengthMSB
	case d.strict && !h.minimal():
		return errLengthForm
	case d.pieces && !d.packed(h):
		return nil // none of it is kept
	case d.maxFrames > 0 && d.frames >= d.maxFrames:
		return errFragments
	// total has been received, so it is far from 1<<63 and the sum does not wrap.
	case d.total+h.length > d.maxBytes && d.total+h.length > d.wireBytes(h):
		return errTooBig
	}
	return nil
}

// wireBytes is the most bytes that the payload of a message may have, of which h
// is one of the headers. What is compressed may be a little longer for that:
// RFC 1951, 3.2.4, and zlib's bound for its weakest settings.
func (d *Decoder) wireBytes(h *head) uint64 {
	if !d.packed(h) {
		return d.maxBytes
	}
	return d.maxBytes + d.maxBytes>>3 + 64 // maxBytes was an int64
}

// packed reports whether the message of which h is a header is compressed.
func (d *Decoder) packed(h *head) bool {
	if OpCode(h.b0&bitsOp) == OpContinuation {
		return d.compressed
	}
	return h.b0&bitRSV1 != 0
}
