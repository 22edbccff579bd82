package codec

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
)

// ErrHandshake is wrapped by every error of Response.Parse and
// Response.CheckUpgrade: the server's answer is not that of a WebSocket server.
var ErrHandshake = errors.New("codec: handshake failed")

// Response is the head of an HTTP/1 answer (RFC 9112). Its slices are views
// into the bytes that were parsed and live as long as those. A Response is used
// by one goroutine at a time and may be parsed into again: then it allocates
// nothing.
type Response struct {
	Proto       []byte // HTTP/1.1
	Minor       int    // of the version, whose major is 1
	Status      int
	Reason      []byte
	Subprotocol []byte // that the server chose, nil for none; one that was offered once CheckUpgrade has passed
	Extensions  []byte // that the server accepts, nil for none; Values has the others when there are several fields
	Fields      []Field
}

// Parse reads the head at the beginning of b. n is its length with the blank
// line; what follows are the first frames, or the body of a refusal. n is 0
// while the head is not whole: then call again with all of it, or find its end
// with a HeadScan. A status from 100 to 199 that is not 101 is to be passed
// over (RFC 9110, 15.2). An error wraps ErrHandshake. b is only read.
func (r *Response) Parse(b []byte, lim Limits) (n int, err error) {
	var s HeadScan
	if n, err = s.Scan(b, lim); err != nil {
		var refusal *Refusal
		errors.As(err, &refusal)
		return 0, fmt.Errorf("%w: %s", ErrHandshake, refusal.Body)
	}
	if n == 0 {
		return 0, nil
	}
	*r = Response{Fields: s.room(r.Fields)}
	end := bytes.IndexByte(b, '\n') + 1
	if !r.parseLine(b[:end-2]) {
		return 0, fmt.Errorf("%w: the status line is malformed", ErrHandshake)
	}
	f, ok := fields(r.Fields).parse(b[end:n])
	r.Fields = f
	if !ok {
		return 0, fmt.Errorf("%w: a header line is malformed", ErrHandshake)
	}
	r.Subprotocol, r.Extensions = f.get("Sec-WebSocket-Protocol"), f.get("Sec-WebSocket-Extensions")
	return n, nil
}

// parseLine reads the status line, without its end (RFC 9112, 4). The reason
// may lack, with or without the space before it.
func (r *Response) parseLine(line []byte) bool {
	proto, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || !validProto(proto) || proto[5] != '1' {
		return false
	}
	code, reason, _ := bytes.Cut(rest, []byte{' '})
	if len(code) != 3 || code[0] < '1' || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) || !validValue(reason) {
		return false
	}
	r.Proto, r.Minor, r.Reason = proto, int(proto[7]-'0'), reason
	r.Status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return true
}

// CheckUpgrade checks the answer to the request that AppendRequest wrote for h
// (RFC 6455, 4.1). An error wraps ErrHandshake. When extensions were offered,
// whether those in the answer fit them is left to their negotiator.
func (r *Response) CheckUpgrade(h *ClientHead) error {
	switch {
	case r.Status != http.StatusSwitchingProtocols:
		return fmt.Errorf("%w: the answer is %d %s", ErrHandshake, r.Status, r.Reason)
	case r.Minor < 1:
		return fmt.Errorf("%w: the version of HTTP is below 1.1", ErrHandshake)
	case !r.HasToken("Upgrade", "websocket"):
		return fmt.Errorf("%w: Upgrade is not websocket", ErrHandshake)
	case !r.HasToken("Connection", "upgrade"):
		return fmt.Errorf("%w: Connection does not say upgrade", ErrHandshake)
	case r.count("Sec-WebSocket-Accept") != 1 || string(r.Get("Sec-WebSocket-Accept")) != AcceptKey(h.Key):
		return fmt.Errorf("%w: Sec-WebSocket-Accept does not answer the key", ErrHandshake)
	case r.count("Sec-WebSocket-Protocol") > 1 || r.Subprotocol != nil && !slices.Contains(h.Subprotocols, string(r.Subprotocol)):
		return fmt.Errorf("%w: subprotocol %q was not offered", ErrHandshake, r.Subprotocol)
	case r.Extensions != nil && h.Extensions == "":
		return fmt.Errorf("%w: extension %q was not offered", ErrHandshake, r.Extensions)
	}
	return nil
}

// count returns how many fields are called name.
func (r *Response) count(name string) (n int) {
	for range r.Values(name) {
		n++
	}
	return n
}

// Get returns the value of the first field called name, whatever its case, nil
// when there is none. It is a view as the Response's slices are.
func (r *Response) Get(name string) []byte {
	return fields(r.Fields).get(name)
}

// Values yields the value of each field called name, whatever its case, in
// order. They are views as the Response's slices are.
func (r *Response) Values(name string) iter.Seq[[]byte] {
	return fields(r.Fields).values(name)
}

// HasToken reports whether a field called name is a list that has the element
// token. The case of neither counts.
func (r *Response) HasToken(name, token string) bool {
	return fields(r.Fields).hasToken(name, token)
}

// Header returns a copy of the fields, which shares nothing with r.
func (r *Response) Header() http.Header {
	return fields(r.Fields).header()
}
