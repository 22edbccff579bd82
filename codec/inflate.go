package codec

import (
	"encoding/binary"
	"math"
)

var (
	errInflate    = &Error{StatusInvalidFramePayloadData, "message is not deflate"}
	errInflateBig = &Error{StatusMessageTooBig, "message too big when decompressed"}
)

// Inflater decompresses messages: RFC 7692, 7.2.2, and RFC 1951. Like a Deflater
// it keeps nothing of one message for the next. It may be used on after an error.
// Messages are whole and lie in memory, and so does what they refer to: hence
// there is no window that is filled and emptied, and most of the time goes into
// a message's own bytes.
type Inflater struct {
	in   inBits
	out  outBytes
	lens [maxCodes]uint8 // lengths of the codes of a dynamic block

	litLen, dist           codes
	fixedLitLen, fixedDist codes // made when they are met first
}

// NewInflater returns an Inflater, for messages of any window. It holds about
// 10 KB.
func NewInflater() *Inflater { return new(Inflater) }

// Inflate decompresses the message src into memory of s, which is the caller's
// when err is nil and the Store's otherwise. dict is what came before, at most
// the window, for a peer that keeps a context. At most limit bytes come out; 0
// or less is no limit. src and dict are only read, and not kept.
//
// err is nil or an *Error: 1007 for what is no deflate stream, or ends within
// a block, and 1009 beyond limit, with no more than limit bytes asked of s.
func (x *Inflater) Inflate(s Store, src, dict []byte, limit int64) (msg []byte, err error) {
	if limit <= 0 {
		limit = math.MaxInt64
	}
	x.in = inBits{b: src}
	x.out = outBytes{store: s, dict: dict, limit: int(min(limit, math.MaxInt))}
	defer func() { x.in, x.out = inBits{}, outBytes{} }()
	if len(src) > 0 { // ws and zlib take nothing at all for an empty message, too
		x.out.grow(min(4*len(src)+64, x.out.limit))
		if e := x.blocks(); e != nil {
			return nil, e
		}
	}
	return x.out.b[:x.out.n], nil
}

// blocks decompresses all blocks. The last one is the stored block whose length,
// zero, was not sent: a message ends where that would stand (RFC 7692, 7.2.1).
// One that ends anywhere else was cut.
func (x *Inflater) blocks() *Error {
	for {
		head, ok := x.in.take(3)
		if !ok {
			return errInflate
		}
		var e *Error
		switch head >> 1 {
		case 0:
			x.in.align()
			if x.in.pos == len(x.in.b) {
				return nil
			}
			e = x.stored()
		case 1:
			if x.fixedLitLen.table == nil {
				x.makeFixed()
			}
			e = x.huffman(&x.fixedLitLen, &x.fixedDist)
		case 2:
			if e = x.readCodes(); e == nil {
				e = x.huffman(&x.litLen, &x.dist)
			}
		default:
			e = errInflate
		}
		if e != nil {
			return e
		}
		// RFC 7692, 7.2.3.4: a block may be marked as the last one and be followed by
		// others, from the next byte on; zlib takes it for the end if nothing is.
		if head&1 != 0 {
			x.in.align()
			if x.in.pos == len(x.in.b) {
				return nil
			}
		}
	}
}

// stored copies a block that is not compressed: RFC 1951, 3.2.4.
func (x *Inflater) stored() *Error {
	b := x.in.b[x.in.pos:]
	if len(b) < 4 {
		return errInflate
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n^0xffff != int(binary.LittleEndian.Uint16(b[2:])) || len(b)-4 < n {
		return errInflate
	}
	if e := x.out.room(n); e != nil {
		return e
	}
	x.out.n += copy(x.out.b[x.out.n:], b[4:4+n])
	x.in.pos += 4 + n
	return nil
}

// huffman decompresses the codes of a block: RFC 1951, 3.2.3.
func (x *Inflater) huffman(litLen, dist *codes) *Error {
	in, pos, acc, bits := x.in.b, x.in.pos, x.in.acc, x.in.bits
	out, n := x.out.b, x.out.n
	lits, litMask := litLen.table, uint64(1)<<litLen.root-1
	dists, distMask := dist.table, uint64(1)<<dist.root-1
	for {
		// 48 bits are the most that a length and a distance have.
		if bits < 48 {
			if pos+8 <= len(in) {
				acc |= binary.LittleEndian.Uint64(in[pos:]) << (bits & 63)
				pos += (63 - bits) >> 3
				bits |= 56
			} else {
				for bits <= 56 && pos < len(in) {
					acc |= uint64(in[pos]) << (bits & 63)
					pos++
					bits += 8
				}
			}
		}
		e := lits[acc&litMask]
		if e&entrySub != 0 {
			e = lits[uint64(e>>entryBase)+acc>>litLen.root&(1<<(e>>entryExtra&15)-1)]
		}
		if bits -= int(e & entryLen); bits < 0 || e == 0 {
			return errInflate
		}
		acc >>= e & entryLen
		if e&entryLit != 0 {
			if n == len(out) {
				x.out.n = n
				if err := x.out.room(1); err != nil {
					return err
				}
				out = x.out.b
			}
			out[n] = byte(e >> entryBase)
			n++
			continue
		}
		if e&entryEnd != 0 {
			x.in.pos, x.in.acc, x.in.bits, x.out.n = pos, acc, bits, n
			return nil
		}
		extra := e >> entryExtra & 15
		length := int(e>>entryBase) + int(acc&(1<<extra-1))
		acc >>= extra
		bits -= int(extra)

		e = dists[acc&distMask]
		if e&entrySub != 0 {
			e = dists[uint64(e>>entryBase)+acc>>dist.root&(1<<(e>>entryExtra&15)-1)]
		}
		acc >>= e & entryLen
		extra = e >> entryExtra & 15
		back := int(e>>entryBase) + int(acc&(1<<extra-1))
		acc >>= extra
		if bits -= int(e&entryLen) + int(extra); bits < 0 || e == 0 || back > n+len(x.out.dict) {
			return errInflate
		}
		if n+length > len(out) {
			x.out.n = n
			if err := x.out.room(length); err != nil {
				return err
			}
			out = x.out.b
		}
		if back >= length && back <= n {
			copy(out[n:n+length], out[n-back:])
			n += length
			continue
		}
		n = x.out.repeat(n, back, length)
	}
}

// inBits reads a message bit by bit, the lowest of a byte first.
type inBits struct {
	b    []byte
	pos  int    // of the next byte to be loaded
	acc  uint64 // bits that were loaded: at least so many as bits says
	bits int
}

// take takes n bits, 16 at most. ok is false when there are no more.
func (r *inBits) take(n int) (v int, ok bool) {
	for r.bits < n {
		if r.pos == len(r.b) {
			return 0, false
		}
		// What huffman has loaded beyond bits is the same byte's.
		r.acc |= uint64(r.b[r.pos]) << (r.bits & 63)
		r.pos++
		r.bits += 8
	}
	v = int(r.acc & (1<<n - 1))
	r.acc >>= n
	r.bits -= n
	return v, true
}

// align goes to the next boundary of a byte: pos is there.
func (r *inBits) align() {
	r.pos -= r.bits >> 3
	r.acc, r.bits = 0, 0
}

// outBytes are what came out.
type outBytes struct {
	store Store
	dict  []byte
	b     []byte // all the memory that may be written to
	n     int    // how much is written
	limit int
}

// room makes room for n more bytes.
func (w *outBytes) room(n int) *Error {
	if n > w.limit-w.n {
		return errInflateBig
	}
	if w.n+n > len(w.b) {
		w.grow(min(max(2*len(w.b), w.n+n), w.limit))
	}
	return nil
}

func (w *outBytes) grow(size int) {
	grown := w.store.Grow(w.b[:w.n:len(w.b)], size)
	w.b = grown[:min(cap(grown), w.limit)]
}

// repeat writes length bytes at n that stand back bytes before it: in what came
// out, or before that in dict. There is room for them. They may overlap.
func (w *outBytes) repeat(n, back, length int) int {
	end := n + length
	if before := back - n; before > 0 {
		from := len(w.dict) - before
		n += copy(w.b[n:end], w.dict[from:])
	}
	for n < end { // what is written may be copied again
		n += copy(w.b[n:end], w.b[n-back:n])
	}
	return n
}

// AppendWindow returns the window of a context after msg: the last size bytes
// of window and msg together. window is reused, and grows to size at most.
func AppendWindow(window, msg []byte, size int) []byte {
	if len(msg) >= size {
		return append(window[:0], msg[len(msg)-size:]...)
	}
	if over := len(window) + len(msg) - size; over > 0 {
		window = window[:copy(window, window[over:])]
	}
	return append(window, msg...)
}
