package codec

import (
	"bytes"
	"iter"
	"net/http"
)

// Request is the head of an HTTP/1 request (RFC 9112). Its slices are views
// into the bytes that were parsed and live as long as those. A Request is used
// by one goroutine at a time and may be parsed into again: then it allocates
// nothing.
type Request struct {
	Method   []byte
	Target   []byte // as it was sent
	Path     []byte // of the target, still escaped
	RawQuery []byte // of the target, without the question mark
	Proto    []byte // HTTP/1.1
	Minor    int    // of the version, whose major is 1
	Host     []byte // nil when the field lacks, as HTTP/1.0 may
	Key      []byte // Sec-WebSocket-Key, nil when the field lacks
	Origin   []byte // nil when the field lacks
	Fields   []Field

	upgrade    bool   // Upgrade has the token websocket
	connection bool   // Connection has the token upgrade
	body       bool   // bytes follow the head that are not ours
	protocols  bool   // Sec-WebSocket-Protocol is there
	version    []byte // Sec-WebSocket-Version
	versions   int    // how often each is there:
	keys       int
	hosts      int
	origins    int
}

// Parse reads the head at the beginning of b. n is its length with the blank
// line; what follows it are the first frames. n is 0 while the head is not
// whole: then call again with all of it, or find its end with a HeadScan, which
// looks at no byte twice.
//
// err is nil or a *Refusal, and then the connection is of no more use: 431 when
// lim is passed, also by a head that is not whole, 505 for another major
// version than 1, and 400 for all that is malformed or ambiguous: lines, names,
// values, the target, and Host (RFC 9112, 2 to 5). b is only read.
func (r *Request) Parse(b []byte, lim Limits) (n int, err error) {
	var s HeadScan
	if n, err = s.Scan(b, lim); n == 0 {
		return 0, err
	}
	*r = Request{Fields: s.room(r.Fields)}
	end := bytes.IndexByte(b, '\n') + 1
	if refusal := r.parseLine(b[:end-2]); refusal != nil {
		return 0, refusal
	}
	f, ok := fields(r.Fields).parse(b[end:n])
	r.Fields = f
	if !ok {
		return 0, refuse(http.StatusBadRequest, "a header line is malformed")
	}
	for i := range f {
		r.note(f[i].Name, f[i].Value)
	}
	if refusal := r.checkHost(); refusal != nil {
		return 0, refusal
	}
	return n, nil
}

// parseLine reads the request line, without its end (RFC 9112, 3).
func (r *Request) parseLine(line []byte) *Refusal {
	method, rest, ok1 := bytes.Cut(line, []byte{' '})
	target, proto, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok1 || !ok2 || !validToken(method) || !validProto(proto) {
		return refuse(http.StatusBadRequest, "the request line is malformed")
	}
	if proto[5] != '1' {
		return refuse(http.StatusHTTPVersionNotSupported, "the version of HTTP is not 1.1")
	}
	r.Method, r.Target, r.Proto, r.Minor = method, target, proto, int(proto[7]-'0')
	return nil
}

// validProto reports whether p is HTTP/ digit . digit (RFC 9112, 2.3).
func validProto(p []byte) bool {
	return len(p) == 8 && string(p[:5]) == "HTTP/" && isDigit(p[5]) && p[6] == '.' && isDigit(p[7])
}

func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}

// note keeps what the handshake asks of one field. The length tells the names
// apart before they are compared.
func (r *Request) note(name, value []byte) {
	switch len(name) {
	case len("Host"):
		if equalFold(name, "Host") {
			r.Host, r.hosts = value, r.hosts+1
		}
	case len("Origin"):
		if equalFold(name, "Origin") {
			r.Origin, r.origins = value, r.origins+1
		}
	case len("Upgrade"):
		r.upgrade = r.upgrade || equalFold(name, "Upgrade") && hasElement(value, "websocket")
	case len("Connection"):
		r.connection = r.connection || equalFold(name, "Connection") && hasElement(value, "upgrade")
	case len("Content-Length"):
		r.body = r.body || equalFold(name, "Content-Length") && string(value) != "0"
	case len("Sec-WebSocket-Key"): // and Transfer-Encoding
		if equalFold(name, "Sec-WebSocket-Key") {
			r.Key, r.keys = value, r.keys+1
		}
		r.body = r.body || equalFold(name, "Transfer-Encoding")
	case len("Sec-WebSocket-Version"):
		if equalFold(name, "Sec-WebSocket-Version") {
			r.version, r.versions = value, r.versions+1
		}
	case len("Sec-WebSocket-Protocol"):
		r.protocols = r.protocols || equalFold(name, "Sec-WebSocket-Protocol")
	}
}

// Get returns the value of the first field called name, whatever its case, nil
// when there is none. It is a view as the Request's slices are.
func (r *Request) Get(name string) []byte {
	return fields(r.Fields).get(name)
}

// Values yields the value of each field called name, whatever its case, in
// order. They are views as the Request's slices are.
func (r *Request) Values(name string) iter.Seq[[]byte] {
	return fields(r.Fields).values(name)
}

// HasToken reports whether a field called name is a list that has the element
// token. The case of neither counts.
func (r *Request) HasToken(name, token string) bool {
	return fields(r.Fields).hasToken(name, token)
}
