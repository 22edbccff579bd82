package codec

import (
	"bytes"
	"net/http"
)

// checkHost reads Host and the target, which must agree (RFC 9112, 3.2).
func (r *Request) checkHost() *Refusal {
	switch {
	case r.hosts > 1:
		return refuse(http.StatusBadRequest, "there is more than one Host")
	case r.hosts == 0 && r.Minor > 0:
		return refuse(http.StatusBadRequest, "there is no Host")
	case !validHost(r.Host):
		return refuse(http.StatusBadRequest, "Host is malformed")
	case !r.parseTarget():
		return refuse(http.StatusBadRequest, "the target is malformed or of another host")
	}
	return nil
}

// parseTarget splits the target into path and query. It takes the origin form,
// the absolute form when its authority is the Host, and for OPTIONS the
// asterisk (RFC 9112, 3.2.1, 3.2.2, 3.2.4).
func (r *Request) parseTarget() bool {
	t := r.Target
	if string(t) == "*" {
		r.Path = t
		return string(r.Method) == http.MethodOptions
	}
	if len(t) > 0 && t[0] != '/' {
		var ok bool
		if t, ok = r.cutAuthority(t); !ok {
			return false
		}
	}
	path, query, found := bytes.Cut(t, []byte{'?'})
	r.Path = path
	if found {
		r.RawQuery = query
	}
	return len(t) > 0 && t[0] == '/' && validPath(path) && validQuery(query)
}

// cutAuthority cuts the scheme and the authority off an absolute target. It is
// false when the authority is not the Host.
func (r *Request) cutAuthority(t []byte) (rest []byte, ok bool) {
	scheme, rest, ok := bytes.Cut(t, []byte("://"))
	if !ok || !(equalFold(scheme, "http") || equalFold(scheme, "https") || equalFold(scheme, "ws") || equalFold(scheme, "wss")) {
		return nil, false
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 || len(r.Host) == 0 || !equalFold(rest[:end], r.Host) {
		return nil, false
	}
	return rest[end:], true
}

// validPath reports whether p can be the path of a target: no space, control
// character or fragment, and each percent sign is an escape (RFC 3986, 3.3).
// Bytes from 0x80 on are let through, as browsers' elders and curl send them.
func validPath(p []byte) bool {
	if !validQuery(p) {
		return false
	}
	for i := 0; i < len(p); i++ {
		if p[i] != '%' {
			continue
		}
		if i+2 >= len(p) || !isHex(p[i+1]) || !isHex(p[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

// validQuery reports whether q can be a query: no space, control character or
// fragment. Its escapes are left to whoever reads it.
func validQuery(q []byte) bool {
	for _, c := range q {
		if c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// validHost reports whether h is a host with or without a port, or empty (RFC
// 9110, 7.2).
func validHost(h []byte) bool {
	name, port := h, []byte(nil)
	if len(h) > 0 && h[0] == '[' {
		end := bytes.IndexByte(h, ']')
		if end < 2 {
			return false
		}
		for _, c := range h[1:end] {
			if !isHex(c) && c != ':' && c != '.' {
				return false
			}
		}
		name, port = nil, h[end+1:]
	} else if i := bytes.IndexByte(h, ':'); i >= 0 {
		if i == 0 {
			return false
		}
		name, port = h[:i], h[i:]
	}
	for _, c := range name {
		if !isHost(c) {
			return false
		}
	}
	return validPort(port)
}

// validPort reports whether p is empty, or a colon and at most five digits.
func validPort(p []byte) bool {
	if len(p) == 0 {
		return true
	}
	if p[0] != ':' || len(p) > 6 {
		return false
	}
	for _, c := range p[1:] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
