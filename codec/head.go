package codec

import (
	"bytes"
	"iter"
	"net/http"
)

// HeadScan finds the end of a request's or an answer's head that arrives in
// pieces, in time linear in its bytes. The zero value is at the beginning.
type HeadScan struct {
	seen  int // bytes that were looked at
	line  int // where the line begins that has not ended
	lines int // that have ended
}

// Scan looks at what of b was not there at the last call; b is all that has
// come so far, from the first byte of the head on. It returns the length of the
// head with its blank line, or 0 while that is missing.
//
// err is nil or a *Refusal: 431 as soon as the head passes lim, whole or not
// (RFC 6585, 5), and 400 when a line does not end with CR LF, or when the first
// byte begins no method, as that of a TLS handshake does not. The outcome does
// not depend on how the bytes were cut. b is only read.
func (s *HeadScan) Scan(b []byte, lim Limits) (n int, err error) {
	lim = lim.effective()
	if len(b) > 0 && !isToken(b[0]) {
		return 0, refuse(http.StatusBadRequest, "the head does not begin with a method")
	}
	b = b[:min(len(b), lim.HeadBytes)]
	for {
		i := bytes.IndexByte(b[s.seen:], '\n')
		if i < 0 {
			s.seen = len(b)
			break
		}
		end := s.seen + i // not 0: the first byte is no LF
		if b[end-1] != '\r' {
			return 0, refuse(http.StatusBadRequest, "a line of the head does not end with CR LF")
		}
		if end == s.line+1 {
			return end + 1, nil
		}
		s.seen, s.line, s.lines = end+1, end+1, s.lines+1
		if s.lines-1 > lim.Fields {
			return 0, refuse(http.StatusRequestHeaderFieldsTooLarge, "too many header fields")
		}
	}
	if len(b) == lim.HeadBytes {
		return 0, refuse(http.StatusRequestHeaderFieldsTooLarge, "the head is too large")
	}
	return 0, nil
}

// room returns f, emptied, with room for the fields that were seen.
func (s *HeadScan) room(f []Field) []Field {
	if cap(f) < s.lines {
		return make([]Field, 0, s.lines)
	}
	return f[:0]
}

// Field is one header line: views into the bytes that were parsed. The value
// has no space around it.
type Field struct {
	Name, Value []byte
}

// fields are the header lines of a head, in order.
type fields []Field

// parse appends the lines of b to f: b ends with the blank line and all of its
// lines end with CR LF. It is false when a line is malformed: folded (RFC 9112,
// 5.2), with a name that is no token or space before the colon (5.1), or with a
// control character in its value.
func (f fields) parse(b []byte) (fields, bool) {
	for len(b) > 2 {
		end := bytes.IndexByte(b, '\n')
		line := b[:end-1]
		b = b[end+1:]
		colon := 0
		for colon < len(line) && isToken(line[colon]) {
			colon++
		}
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return f, false
		}
		value := trimSpace(line[colon+1:])
		if !validBytes(value) {
			return f, false
		}
		f = append(f, Field{line[:colon:colon], value[:len(value):len(value)]})
	}
	return f, true
}

// get returns the value of the first field called name, nil when there is none.
func (f fields) get(name string) []byte {
	for i := range f {
		if equalFold(f[i].Name, name) {
			return f[i].Value
		}
	}
	return nil
}

// values yields the value of each field called name.
func (f fields) values(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range f {
			if equalFold(f[i].Name, name) && !yield(f[i].Value) {
				return
			}
		}
	}
}

// hasToken reports whether one of the fields called name, each a list, has the
// element token.
func (f fields) hasToken(name, token string) bool {
	for i := range f {
		if equalFold(f[i].Name, name) && hasElement(f[i].Value, token) {
			return true
		}
	}
	return false
}

// header returns a copy.
func (f fields) header() http.Header {
	h := make(http.Header, len(f))
	for i := range f {
		h.Add(string(f[i].Name), string(f[i].Value))
	}
	return h
}
