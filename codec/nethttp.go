package codec

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strconv"
)

// HTTP returns the request as net/http would have parsed it, as a copy that
// shares nothing with r and with the bytes that were parsed. It has no body.
// secure says that it came over TLS; then its TLS is not nil.
func (r *Request) HTTP(secure bool) *http.Request {
	target := string(r.Target)
	u, err := url.ParseRequestURI(target)
	if err != nil { // a target that FromHTTP took from a request without one
		u = &url.URL{Path: string(r.Path), RawQuery: string(r.RawQuery)}
	}
	h := &http.Request{
		Method:     string(r.Method),
		URL:        u,
		Proto:      string(r.Proto),
		ProtoMajor: 1,
		ProtoMinor: r.Minor,
		Header:     fields(r.Fields).header(),
		Body:       http.NoBody,
		Host:       string(r.Host),
		RequestURI: target,
	}
	h.Header.Del("Host")
	if secure {
		h.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	return h
}

// FromHTTP makes r what Parse would have made it of the request that net/http
// parsed into h. h is only read; r has copies.
func (r *Request) FromHTTP(h *http.Request) {
	*r = Request{
		Method: []byte(h.Method),
		Target: []byte(h.RequestURI),
		Proto:  []byte(h.Proto),
		Minor:  h.ProtoMinor,
		Fields: r.Fields[:0],
	}
	if h.URL != nil {
		r.Path, r.RawQuery = []byte(h.URL.EscapedPath()), []byte(h.URL.RawQuery)
	}
	// A major version other than 1 has no Upgrade (RFC 9113, 8.6).
	if h.ProtoMajor != 1 {
		r.Minor = 0
	}
	r.add("Host", h.Host)
	for name, values := range h.Header {
		for _, v := range values {
			r.add(name, v)
		}
	}
	if h.ContentLength != 0 {
		r.add("Content-Length", strconv.FormatInt(h.ContentLength, 10))
	}
	for _, v := range h.TransferEncoding {
		r.add("Transfer-Encoding", v)
	}
}

func (r *Request) add(name, value string) {
	f := Field{[]byte(name), []byte(value)}
	r.Fields = append(r.Fields, f)
	r.note(f.Name, f.Value)
}
