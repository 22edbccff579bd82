package codec

import (
	"fmt"
	"net/http"
	"strings"
)

// ClientHead is the opening handshake that a client sends (RFC 6455, 4.1).
type ClientHead struct {
	Target       string // path and query, escaped; "" is "/"
	Host         string // host, with the port unless it is the scheme's own
	Key          string // 16 random bytes in base64, new for each connection, from a strong source
	Origin       string // "" sends none
	Subprotocols []string
	Extensions   string      // the offer, as it is sent; "" offers none
	Header       http.Header // more fields
}

// AppendRequest appends the request of a client to dst and returns it. It
// fails, with dst as it was, when a part of h is malformed or would break out of
// its line. h is only read. Any goroutine may call it.
func AppendRequest(dst []byte, h *ClientHead) ([]byte, error) {
	if err := h.check(); err != nil {
		return dst, err
	}
	target := h.Target
	if target == "" {
		target = "/"
	}
	dst = append(dst, "GET "...)
	dst = append(dst, target...)
	dst = append(dst, " HTTP/1.1\r\n"...)
	dst = appendField(dst, "Host", h.Host)
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"...)
	dst = appendField(dst, "Sec-WebSocket-Key", h.Key)
	if h.Origin != "" {
		dst = appendField(dst, "Origin", h.Origin)
	}
	if len(h.Subprotocols) > 0 {
		dst = appendField(dst, "Sec-WebSocket-Protocol", strings.Join(h.Subprotocols, ", "))
	}
	if h.Extensions != "" {
		dst = appendField(dst, "Sec-WebSocket-Extensions", h.Extensions)
	}
	return append(appendHeader(dst, h.Header), "\r\n"...), nil
}

// check says what is wrong with h.
func (h *ClientHead) check() error {
	path, query, _ := strings.Cut(h.Target, "?")
	switch {
	case h.Target != "" && (h.Target[0] != '/' || !validPath([]byte(path)) || !validQuery([]byte(query))):
		return fmt.Errorf("codec: target %q is malformed", h.Target)
	case h.Host == "" || !validHost([]byte(h.Host)):
		return fmt.Errorf("codec: host %q is malformed", h.Host)
	case !validKey([]byte(h.Key)):
		return fmt.Errorf("codec: key %q is not 16 bytes in base64", h.Key)
	case !validValue(h.Origin):
		return fmt.Errorf("codec: origin %q is malformed", h.Origin)
	case !validValue(h.Extensions):
		return fmt.Errorf("codec: extensions %q are malformed", h.Extensions)
	}
	for i, p := range h.Subprotocols {
		if !validToken(p) {
			return fmt.Errorf("codec: subprotocol %q is not a token", p)
		}
		for _, q := range h.Subprotocols[:i] {
			if p == q {
				return fmt.Errorf("codec: subprotocol %q is offered twice", p)
			}
		}
	}
	for name := range h.Header {
		if equalFold(name, "Host") || equalFold(name, "Origin") {
			return fmt.Errorf("codec: header %s has a field of its own", name)
		}
	}
	return checkHeader(h.Header)
}
