package codec

import "encoding/binary"

// The character classes of HTTP, as sets of 128 bits: bit c stands for the
// byte c. Bytes from 0x80 on are in none.
const (
	setAlnum = (1<<10-1)<<'0' | (1<<26-1)<<'a' | (1<<26-1)<<'A'

	// RFC 9110, 5.6.2: tchar.
	setToken = setAlnum | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' |
		1<<'+' | 1<<'-' | 1<<'.' | 1<<'^' | 1<<'_' | 1<<'`' | 1<<'|' | 1<<'~'

	// RFC 3986, 3.2.2: what a registered name may have: unreserved and
	// sub-delims. No name of a host needs an escape.
	setHost = setAlnum | 1<<'-' | 1<<'.' | 1<<'_' | 1<<'~' | 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' |
		1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' | 1<<';' | 1<<'='

	// RFC 4648, 4, without the padding.
	setBase64 = setAlnum | 1<<'+' | 1<<'/'

	low64 = 1<<64 - 1
)

// A shift by 64 or more leaves nothing, and c-64 wraps around below 64: so each
// byte is looked up in its half, and those from 0x80 on in neither.

func isToken(c byte) bool {
	return uint64(1)<<c&(setToken&low64) != 0 || uint64(1)<<(c-64)&(setToken>>64) != 0
}

func isHost(c byte) bool {
	return uint64(1)<<c&(setHost&low64) != 0 || uint64(1)<<(c-64)&(setHost>>64) != 0
}

func isBase64(c byte) bool {
	return uint64(1)<<c&(setBase64&low64) != 0 || uint64(1)<<(c-64)&(setBase64>>64) != 0
}

// validToken reports whether s is a token (RFC 9110, 5.6.2).
func validToken[T []byte | string](s T) bool {
	for i := range len(s) {
		if !isToken(s[i]) {
			return false
		}
	}
	return len(s) > 0
}

// validValue reports whether s may stand in a field value (RFC 9110, 5.5).
func validValue[T []byte | string](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// validBytes is validValue by eight bytes at a time.
func validBytes(b []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		del := w ^ 0x7f*ones
		// The high bit of some byte: a byte of w is below 0x20, or one of del is 0.
		if suspect := (w-0x20*ones)&^w | (del-ones)&^del; suspect&high != 0 && !validValue(b[:8]) {
			return false
		}
	}
	return validValue(b)
}

// trimSpace cuts spaces and tabs off both ends (RFC 9110, 5.6.3).
func trimSpace[T []byte | string](s T) T {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares without regard to the case of ASCII letters. The folding
// of Unicode does not count: K, the Kelvin sign, is no k.
func equalFold[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if x, y := a[i], b[i]; x != y && (x^y != 0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// cutElement returns the first element of a comma-separated list, without the
// space around it, and the rest. more is false when there is no rest.
func cutElement[T []byte | string](list T) (element, rest T, more bool) {
	for i := range len(list) {
		if list[i] == ',' {
			return trimSpace(list[:i]), list[i+1:], true
		}
	}
	return trimSpace(list), list[len(list):], false
}

// hasElement reports whether a comma-separated list has the element token,
// without regard to case.
func hasElement[T []byte | string](list T, token string) bool {
	for more := true; more; {
		var element T
		element, list, more = cutElement(list)
		if equalFold(element, token) {
			return true
		}
	}
	return false
}
