package codec

import "unicode/utf8"

// A referenceDecoder decodes slowly and plainly, from the text of RFC 6455: it
// is what the Decoder is compared with.
type referenceDecoder struct {
	cfg *Config
	out []string // as a feeder writes it

	// The message being received.
	open     bool
	op       OpCode
	deflated bool
	frames   int
	message  []byte
}

// referenceFrame is one frame, of which the payload may not be whole.
type referenceFrame struct {
	fin, rsv1, masked bool
	rsv23             byte
	op                OpCode
	lengthBytes       int // that follow the first two
	length            uint64
	key               []byte
	payload           []byte
}

// reference returns what b gives, and the code of the error, 0 for none.
func reference(cfg *Config, b []byte) (out []string, code StatusCode) {
	r := referenceDecoder{cfg: cfg}
	for len(b) >= 2 {
		f := referenceFrame{
			fin: b[0]>>7 == 1, rsv1: b[0]>>6&1 == 1, rsv23: b[0] >> 4 & 3, op: OpCode(b[0] % 16),
			masked: b[1]>>7 == 1, length: uint64(b[1] % 128),
		}
		if r.forbids(&f) {
			return r.out, 1002
		}
		n := f.readRest(b)
		if n == 0 {
			return r.out, 0
		}
		if code := r.limits(&f); code != 0 {
			return r.out, code
		}
		b = b[n:]
		closed, code := r.take(&f)
		if closed || code != 0 {
			return r.out, code
		}
	}
	return r.out, 0
}

// forbids reports whether the first two bytes say what they must not.
func (r *referenceDecoder) forbids(f *referenceFrame) bool {
	control := f.op >= 8
	switch {
	case f.rsv23 != 0, f.masked == r.cfg.Client:
		return true
	case f.rsv1 && (!r.cfg.Deflate || control || f.op == 0):
		return true
	case f.op >= 3 && f.op <= 7, f.op >= 11:
		return true
	case control:
		return !f.fin || f.length > 125 || f.op == 8 && f.length == 1
	}
	return r.open == (f.op != 0)
}

// readRest reads the rest of the header and what b has of the payload. It
// returns how many bytes that are, 0 when the header is not whole.
func (f *referenceFrame) readRest(b []byte) int {
	at := 2
	f.lengthBytes = map[uint64]int{126: 2, 127: 8}[f.length]
	if len(b) < at+f.lengthBytes {
		return 0
	}
	if f.lengthBytes > 0 {
		f.length = 0
		for _, c := range b[at : at+f.lengthBytes] {
			f.length = f.length<<8 | uint64(c)
		}
		at += f.lengthBytes
	}
	f.key = []byte{0, 0, 0, 0}
	if f.masked {
		if len(b) < at+4 {
			return 0
		}
		f.key = b[at : at+4]
		at += 4
	}
	for i := 0; uint64(i) < f.length && at+i < len(b); i++ {
		f.payload = append(f.payload, b[at+i]^f.key[i%4])
	}
	return at + len(f.payload)
}

// limits judges the length, and counts a data frame.
func (r *referenceDecoder) limits(f *referenceFrame) StatusCode {
	if f.op >= 8 {
		return 0
	}
	if f.length >= 1<<63 {
		return 1002
	}
	if r.cfg.StrictLength && (f.lengthBytes == 2 && f.length < 126 || f.lengthBytes == 8 && f.length < 65536) {
		return 1002
	}
	if r.frames++; r.cfg.MaxFragments > 0 && r.frames > r.cfg.MaxFragments {
		return 1008
	}
	most := uint64(r.cfg.MaxMessageBytes)
	if f.rsv1 || f.op == 0 && r.deflated { // a message that is not to be made shorter is a little longer
		most += most/8 + 64
	}
	if r.cfg.MaxMessageBytes > 0 && uint64(len(r.message))+f.length > most {
		return 1009
	}
	return 0
}

// take takes the payload of f.
func (r *referenceDecoder) take(f *referenceFrame) (closed bool, code StatusCode) {
	whole := uint64(len(f.payload)) == f.length
	switch {
	case f.op < 8:
		return false, r.takeData(f, whole)
	case !whole:
		return false, 0
	case f.op == OpPing:
		r.out = append(r.out, eventText(Ping, OpPing, false, 0, f.payload))
	case f.op == OpPong:
		r.out = append(r.out, eventText(Pong, OpPong, false, 0, f.payload))
	default:
		return true, r.takeClose(f.payload)
	}
	return false, 0
}

func (r *referenceDecoder) takeClose(p []byte) StatusCode {
	if len(p) == 0 {
		r.out = append(r.out, eventText(Close, OpClose, false, 1005, nil))
		return 0
	}
	c := int(p[0])*256 + int(p[1])
	if !(c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999) {
		return 1002
	}
	if !r.cfg.SkipUTF8 && !utf8.Valid(p[2:]) {
		return 1007
	}
	r.out = append(r.out, eventText(Close, OpClose, false, StatusCode(c), p[2:]))
	return 0
}

func (r *referenceDecoder) takeData(f *referenceFrame, whole bool) StatusCode {
	if f.op != 0 {
		r.open, r.op, r.deflated = true, f.op, f.rsv1
	}
	r.message = append(r.message, f.payload...)
	last := whole && f.fin
	if r.op == OpText && !r.deflated && !r.cfg.SkipUTF8 {
		if !validBeginning(r.message) || last && !utf8.Valid(r.message) {
			return 1007
		}
	}
	if last {
		r.out = append(r.out, eventText(Message, r.op, r.deflated, 0, r.message))
		r.message, r.open, r.frames = nil, false, 0
	}
	return 0
}

// validBeginning reports whether b can be the beginning of a valid text. It
// asks unicode/utf8 whether anything completes the last character.
func validBeginning(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return completable(b)
		}
		b = b[size:]
	}
	return true
}

// completable reports whether some continuation makes b one character. The
// bytes tried are the boundaries of the ranges of second bytes.
func completable(b []byte) bool {
	for _, second := range []byte{0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf} {
		c := append(append([]byte{}, b...), second, 0x80, 0x80)
		for n := len(b) + 1; n <= len(c) && n <= utf8.UTFMax; n++ {
			if utf8.Valid(c[:n]) {
				return true
			}
		}
	}
	return false
}
