package codec

import "iter"

// Subprotocols yields the subprotocols that the client offers, in its order of
// preference (RFC 6455, 4.1). They are views as the Request's slices are, and
// tokens once CheckUpgrade has passed.
func (r *Request) Subprotocols() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if !r.protocols {
			return
		}
		for list := range r.Values("Sec-WebSocket-Protocol") {
			for more := true; more; {
				var p []byte
				p, list, more = cutElement(list)
				if !yield(p) {
					return
				}
			}
		}
	}
}

// SelectSubprotocol returns the first subprotocol of the client's that the
// server supports, as the server spells it, or "" when there is none.
// Subprotocols are compared with their case (RFC 6455, 4.2.2).
func (r *Request) SelectSubprotocol(supported []string) string {
	for p := range r.Subprotocols() {
		for _, s := range supported {
			if string(p) == s {
				return s
			}
		}
	}
	return ""
}

// SelectSubprotocol is Request.SelectSubprotocol for the values of the
// Sec-WebSocket-Protocol fields of a request that net/http parsed. Any
// goroutine may call it.
func SelectSubprotocol(offered, supported []string) string {
	for _, list := range offered {
		for more := true; more; {
			var p string
			p, list, more = cutElement(list)
			for _, s := range supported {
				if p == s {
					return s
				}
			}
		}
	}
	return ""
}

// validSubprotocols reports whether what the client offers are tokens, each
// offered once (RFC 6455, 4.1), and not too many.
func (r *Request) validSubprotocols() bool {
	var seen [maxSubprotocols][]byte
	n := 0
	for p := range r.Subprotocols() {
		if n == len(seen) || !validToken(p) {
			return false
		}
		for _, q := range seen[:n] {
			if string(p) == string(q) {
				return false
			}
		}
		seen[n] = p
		n++
	}
	return true
}
