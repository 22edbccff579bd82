package codec

import (
	"bytes"
	"strings"
)

// SameOrigin reports whether the Origin of a request is the Host that it was
// sent to (RFC 6454, 4; RFC 6455, 10.2). The scheme of the origin only says
// which port is meant where none is written: whether the server was reached
// over TLS is not known here. "null" is never the same. Any goroutine may call
// it.
func SameOrigin(origin, host []byte) bool {
	scheme, authority, ok := bytes.Cut(origin, []byte("://"))
	if !ok || len(authority) == 0 || !validHost(authority) {
		return false
	}
	port := ""
	switch {
	case equalFold(scheme, "http"):
		port = ":80"
	case equalFold(scheme, "https"):
		port = ":443"
	default:
		return false
	}
	return equalFold(cutPort(authority, port), cutPort(host, port))
}

// cutPort cuts port off the end of h, and a lone colon.
func cutPort(h []byte, port string) []byte {
	if rest, ok := bytes.CutSuffix(h, []byte(port)); ok {
		return rest
	}
	rest, _ := bytes.CutSuffix(h, []byte{':'})
	return rest
}

// MatchOrigin reports whether the Origin of a request matches one of patterns.
// A pattern with "://" is compared with the whole origin, another with its host
// and, if it has one, its port. A star stands for any characters:
// "*.example.com" has the subdomains but not example.com itself, "localhost:*"
// has any port, and "*" is everything. "null" is for pages without an origin.
// Case does not count. Any goroutine may call
// it.
func MatchOrigin(origin string, patterns []string) bool {
	_, authority, ok := strings.Cut(origin, "://")
	ok = ok && validHost([]byte(authority))
	for _, p := range patterns {
		switch {
		case p == "*", equalFold(p, "null") && origin == "null":
			return true
		case !ok:
		case strings.Contains(p, "://"):
			if glob(p, origin) {
				return true
			}
		case glob(p, authority):
			return true
		}
	}
	return false
}

// glob reports whether s is p, where a star in p is any run of characters. It
// goes back to the last star only, so it takes at most len(p) × len(s) steps.
func glob(p, s string) bool {
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && equalFold(p[i:i+1], s[j:j+1]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}
