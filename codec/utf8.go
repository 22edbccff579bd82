package codec

import "encoding/binary"

// UTF8 validates text that comes in pieces (RFC 6455, 8.1; RFC 3629). The zero
// value is at the beginning of a text.
//
// It is an automaton whose next state is row[byte] >> state: a row holds, for
// one byte, the next state of each state in six bits. So a byte costs a load
// and a shift, whatever the text, and a state is a shift count.
type UTF8 struct {
	state uint64
}

// Valid takes the next piece of the text and reports whether all of it so far
// can be the beginning of valid UTF-8: it turns false at the first byte that
// cannot, and then stays so. With fin the piece is the last one: false also
// when it ends inside a character; after true the next piece begins a new text.
// b is only read.
func (u *UTF8) Valid(b []byte, fin bool) bool {
	s := u.state
	for len(b) >= 8 {
		if s == stText {
			b = b[asciiPrefix(b):]
			if len(b) < 8 {
				break
			}
		}
		s = utf8Rows[b[0]] >> (s & 63)
		s = utf8Rows[b[1]] >> (s & 63)
		s = utf8Rows[b[2]] >> (s & 63)
		s = utf8Rows[b[3]] >> (s & 63)
		s = utf8Rows[b[4]] >> (s & 63)
		s = utf8Rows[b[5]] >> (s & 63)
		s = utf8Rows[b[6]] >> (s & 63)
		s = utf8Rows[b[7]] >> (s & 63) & 63
		if s == stBad {
			break
		}
		b = b[8:]
	}
	for _, c := range b {
		s = utf8Rows[c] >> (s & 63)
	}
	u.state = s & 63
	return u.state == stText || (!fin && u.state != stBad)
}

// validText reports whether b is UTF-8: UTF8 for a text that came whole.
func validText(b []byte) bool {
	n := asciiPrefix(b)
	if n == len(b) || len(b) >= 8 && len(b)-n < 8 && asciiPrefix(b[len(b)-8:]) == 8 {
		return true
	}
	var u UTF8
	return u.Valid(b[n:], true)
}

// asciiPrefix returns how many bytes at the beginning of b are surely ASCII: a
// multiple of eight.
func asciiPrefix(b []byte) int {
	const high = 0x8080808080808080
	all := len(b)
	for len(b) >= 32 {
		w := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if w&high != 0 {
			break
		}
		b = b[32:]
	}
	for len(b) >= 8 && binary.LittleEndian.Uint64(b)&high == 0 {
		b = b[8:]
	}
	return all - len(b)
}

// The states: what may come next. Each is a shift count, a multiple of six.
const (
	stText = 0  // a new character
	stBad  = 6  // nothing: a byte was wrong
	stC1   = 12 // one continuation byte 80..BF
	stC2   = 18 // two
	stC3   = 24 // three
	stE0   = 30 // A0..BF, then one: no overlong form
	stED   = 36 // 80..9F, then one: no surrogate
	stF0   = 42 // 90..BF, then two: no overlong form
	stF4   = 48 // 80..8F, then two: not above U+10FFFF
)

// The rows: one per class of bytes (Unicode, table 3-7).
const (
	allBad = stBad<<stText | stBad<<stBad | stBad<<stC1 | stBad<<stC2 | stBad<<stC3 |
		stBad<<stE0 | stBad<<stED | stBad<<stF0 | stBad<<stF4

	rA = allBad &^ (63 << stText)                                 // 00..7F: the next state is stText, 0
	rX = allBad                                                   // C0, C1, F5..FF: never
	r2 = rA | stC1<<stText                                        // C2..DF
	r0 = rA | stE0<<stText                                        // E0
	r3 = rA | stC2<<stText                                        // E1..EC, EE, EF
	rD = rA | stED<<stText                                        // ED
	rF = rA | stF0<<stText                                        // F0
	r4 = rA | stC3<<stText                                        // F1..F3
	rM = rA | stF4<<stText                                        // F4
	cC = stBad<<stText | stBad<<stBad | stC1<<stC2 | stC2<<stC3   // what every continuation byte does; stC1 leads to stText
	c8 = cC | stBad<<stE0 | stC1<<stED | stBad<<stF0 | stC2<<stF4 // 80..8F
	c9 = cC | stBad<<stE0 | stC1<<stED | stC2<<stF0 | stBad<<stF4 // 90..9F
	cA = cC | stC1<<stE0 | stBad<<stED | stC2<<stF0 | stBad<<stF4 // A0..BF
)

var utf8Rows = [256]uint64{
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 00
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 10
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 20
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 30
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 40
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 50
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 60
	rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, rA, // 70
	c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, c8, // 80
	c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, c9, // 90
	cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, // A0
	cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, cA, // B0
	rX, rX, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, // C0
	r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, r2, // D0
	r0, r3, r3, r3, r3, r3, r3, r3, r3, r3, r3, r3, r3, rD, r3, r3, // E0
	rF, r4, r4, r4, rM, rX, rX, rX, rX, rX, rX, rX, rX, rX, rX, rX, // F0
}
