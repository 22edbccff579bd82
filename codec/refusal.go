package codec

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Refusal is an answer other than 101 to a handshake: an error, and what
// AppendRefusal writes. Those that this package returns are the caller's.
type Refusal struct {
	Status int         // 300 to 599; anything else is written as 500
	Header http.Header // may be nil
	Body   string      // plain text unless Header has a Content-Type
}

// Error returns the status and the body. Any goroutine may call it.
func (r *Refusal) Error() string {
	return fmt.Sprintf("codec: handshake refused: %d %s", r.Status, r.Body)
}

// refuse returns a Refusal whose body is text.
func refuse(status int, text string) *Refusal {
	return &Refusal{Status: status, Body: text}
}

// refuseWith is refuse with header fields: name, value, name, value.
func refuseWith(status int, text string, fields ...string) *Refusal {
	r := refuse(status, text)
	r.Header = make(http.Header, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return r
}

// AppendRefusal appends a whole HTTP/1.1 answer to dst and returns it. It ends
// the connection (RFC 9112, 9.6), so it says Connection: close, and its length.
// Fields of r.Header that frame the message are left out, as are names that are
// no tokens; a line break in a value becomes a space. Any goroutine may call
// it; r is only read.
func AppendRefusal(dst []byte, r *Refusal) []byte {
	status := r.Status
	if status < 300 || status > 599 {
		status = http.StatusInternalServerError
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(status)...)
	// RFC 9110, 7.8: who sends Upgrade names it in Connection.
	if r.Header.Get("Upgrade") != "" {
		dst = append(dst, "\r\nConnection: upgrade, close\r\n"...)
	} else {
		dst = append(dst, "\r\nConnection: close\r\n"...)
	}
	for _, name := range sortedNames(r.Header) {
		if validToken(name) && !framing(name) {
			for _, value := range r.Header[name] {
				dst = appendField(dst, name, value)
			}
		}
	}
	if len(r.Body) > 0 && r.Header.Get("Content-Type") == "" {
		dst = append(dst, "Content-Type: text/plain; charset=utf-8\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(r.Body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, r.Body...)
}

// framing reports whether a field says where a message ends, or what becomes of
// the connection: those are ours.
func framing(name string) bool {
	for _, n := range [...]string{"Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Keep-Alive"} {
		if equalFold(n, name) {
			return true
		}
	}
	return false
}

// appendField appends a header line. What may not stand in a value becomes a
// space.
func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	at := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[at:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			dst[at+i] = ' '
		}
	}
	return append(dst, "\r\n"...)
}

// sortedNames returns the names of h in order, so that the same answer is the
// same bytes.
func sortedNames(h http.Header) []string {
	if len(h) == 0 {
		return nil
	}
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
