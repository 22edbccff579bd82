package codec

import (
	"fmt"
	"net/http"
)

// IsUpgrade reports whether the request is meant for a WebSocket server: it
// names the protocol in Upgrade, or brings a key. Whether it is a right one,
// CheckUpgrade says. Anything else is plain HTTP.
func (r *Request) IsUpgrade() bool {
	return r.upgrade || r.keys > 0
}

// CheckUpgrade checks the request by RFC 6455, 4.2.1, and returns nil or a
// *Refusal:
//
//	405 the method is not GET
//	505 the version is HTTP/1.0
//	426 Upgrade is not websocket; Sec-WebSocket-Version is not 13
//	400 anything else: Host, Connection, the key, a subprotocol that is no
//	    token or comes twice, more than 64 of them, two origins (RFC 6454,
//	    7.3), or a body, whose bytes would be taken for frames
//
// It does not look at what Origin says.
func (r *Request) CheckUpgrade() error {
	switch {
	case string(r.Method) != http.MethodGet:
		return refuseWith(http.StatusMethodNotAllowed, "the method is not GET", "Allow", http.MethodGet)
	case r.Minor < 1:
		return refuse(http.StatusHTTPVersionNotSupported, "the version of HTTP is below 1.1")
	case len(r.Host) == 0:
		return refuse(http.StatusBadRequest, "Host is empty")
	case !r.upgrade:
		return refuseWith(http.StatusUpgradeRequired, "this is a WebSocket server: Upgrade is not websocket",
			"Upgrade", "websocket", "Sec-WebSocket-Version", "13")
	case !r.connection:
		return refuse(http.StatusBadRequest, "Connection does not say upgrade")
	case r.body:
		return refuse(http.StatusBadRequest, "the request has a body")
	case r.versions != 1 || string(r.version) != "13":
		return refuseWith(http.StatusUpgradeRequired, "Sec-WebSocket-Version is not 13",
			"Upgrade", "websocket", "Sec-WebSocket-Version", "13")
	case r.keys != 1 || !validKey(r.Key):
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key is not one key of 16 bytes in base64")
	case r.origins > 1:
		return refuse(http.StatusBadRequest, "there is more than one Origin")
	case r.protocols && !r.validSubprotocols():
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Protocol is not a list of different tokens")
	}
	return nil
}

// CheckHTTP is CheckUpgrade for a request that net/http parsed. r is only read.
// A request for a WebSocket over HTTP/2 is checked by RFC 8441, 5: it has no key
// and no Upgrade.
func CheckHTTP(r *http.Request) error {
	var q Request
	q.FromHTTP(r)
	if IsConnect(r) {
		return q.checkConnect()
	}
	return q.CheckUpgrade()
}

// IsConnect reports whether r asks for a WebSocket over HTTP/2 by an extended
// CONNECT: RFC 8441, 4. Any goroutine may call it.
func IsConnect(r *http.Request) bool {
	return r.ProtoMajor == 2 && r.Method == http.MethodConnect && equalFold(r.Header.Get(":protocol"), "websocket")
}

// checkConnect is CheckUpgrade for what IsConnect says yes to.
func (r *Request) checkConnect() error {
	switch {
	case len(r.Host) == 0:
		return refuse(http.StatusBadRequest, ":authority is empty")
	case r.versions != 1 || string(r.version) != "13":
		return refuseWith(http.StatusBadRequest, "Sec-WebSocket-Version is not 13", "Sec-WebSocket-Version", "13")
	case r.origins > 1:
		return refuse(http.StatusBadRequest, "there is more than one Origin")
	case r.protocols && !r.validSubprotocols():
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Protocol is not a list of different tokens")
	}
	return nil
}

// AppendUpgrade appends the answer 101 to a request with key, whose bytes are
// copied, and returns it (RFC 6455, 4.2.2). subprotocol and extensions are what
// was chosen, or empty. Any goroutine may call it.
//
// It fails, with dst as it was, when they or the fields of h would break out of
// their lines, and when h has a field that is the handshake's own.
func AppendUpgrade(dst []byte, key []byte, subprotocol, extensions string, h http.Header) ([]byte, error) {
	if subprotocol != "" && !validToken(subprotocol) {
		return dst, fmt.Errorf("codec: subprotocol %q is not a token", subprotocol)
	}
	if !validValue(extensions) {
		return dst, fmt.Errorf("codec: extensions %q have a control character", extensions)
	}
	if err := checkHeader(h); err != nil {
		return dst, err
	}
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = appendAccept(dst, key)
	dst = append(dst, "\r\n"...)
	if subprotocol != "" {
		dst = appendField(dst, "Sec-WebSocket-Protocol", subprotocol)
	}
	if extensions != "" {
		dst = appendField(dst, "Sec-WebSocket-Extensions", extensions)
	}
	return append(appendHeader(dst, h), "\r\n"...), nil
}

// checkHeader checks the fields that an embedder adds to a handshake.
func checkHeader(h http.Header) error {
	for name, values := range h {
		switch {
		case !validToken(name):
			return fmt.Errorf("codec: header name %q is not a token", name)
		case framing(name), equalFold(name, "Upgrade"), len(name) > 14 && equalFold(name[:14], "Sec-WebSocket-"):
			return fmt.Errorf("codec: header %s belongs to the handshake", name)
		}
		for _, v := range values {
			if !validValue(v) {
				return fmt.Errorf("codec: header %s has a control character in its value", name)
			}
		}
	}
	return nil
}

// appendHeader appends the lines of h, which were checked.
func appendHeader(dst []byte, h http.Header) []byte {
	for _, name := range sortedNames(h) {
		for _, value := range h[name] {
			dst = appendField(dst, name, value)
		}
	}
	return dst
}
