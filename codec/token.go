package codec

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

func isToken(c byte) bool {
	return (1<<(c&63))&(setToken&low64) != 0 && c < 64 || (1<<(c&63))&(setToken>>64) != 0 && c&^63 == 64
}

func isHost(c byte) bool {
	return (1<<(c&63))&(setHost&low64) != 0 && c < 64 || (1<<(c&63))&(setHost>>64) != 0 && c&^63 == 64
}

func isBase64(c byte) bool {
	return (1<<(c&63))&(setBase64&low64) != 0 && c < 64 || (1<<(c&63))&(setBase64>>64) != 0 && c&^63 == 64
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
