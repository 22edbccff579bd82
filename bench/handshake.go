package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// maxHead bounds the head of a server's answer.
const maxHead = 16 << 10

// acceptGUID is what RFC 6455, 1.3 appends to a key.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// keyLen is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const keyLen = 24

// handshake makes upgrade requests and judges the answers. Both halves of the
// request are the same for each connection; only the key between them is new.
type handshake struct {
	before, after []byte
	compression   Compression
}

// newHandshake prepares a request for target on host with additional fields.
func newHandshake(host, target string, fields http.Header, c Compression) *handshake {
	var b bytes.Buffer
	b.WriteString("GET " + target + " HTTP/1.1\r\nHost: " + host +
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range fields[name] {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	if offer := c.offer(); offer != "" {
		b.WriteString("Sec-WebSocket-Extensions: " + offer + "\r\n")
	}
	b.WriteString("Sec-WebSocket-Key: ")
	return &handshake{before: b.Bytes(), after: []byte("\r\n\r\n"), compression: c}
}

// request returns a new request and its key.
func (h *handshake) request(r *rng) (request []byte, key [keyLen]byte) {
	var nonce [16]byte
	r.fill(nonce[:])
	base64.StdEncoding.Encode(key[:], nonce[:])
	request = make([]byte, 0, len(h.before)+keyLen+len(h.after))
	request = append(request, h.before...)
	request = append(request, key[:]...)
	return append(request, h.after...), key
}

// acceptKey is the Sec-WebSocket-Accept that answers key.
func acceptKey(key [keyLen]byte) string {
	var b [keyLen + len(acceptGUID)]byte
	copy(b[:], key[:])
	copy(b[keyLen:], acceptGUID)
	sum := sha1.Sum(b[:])
	return base64.StdEncoding.EncodeToString(sum[:])
}

// parseAnswer judges the answer to a request with key in b. n is the length of its
// head; n == 0 without an error: the head has not come whole.
func (h *handshake) parseAnswer(b []byte, key [keyLen]byte) (n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return 0, &ProtocolError{"the head of the answer has more than 16 KiB"}
		}
		return 0, nil
	}
	status, fields, _ := strings.Cut(string(b[:end]), "\r\n")
	if !strings.HasPrefix(status, "HTTP/1.1 ") {
		return 0, &ProtocolError{"the answer is not HTTP/1.1"}
	}
	status = status[len("HTTP/1.1 "):]
	if code, _, _ := strings.Cut(status, " "); code != "101" {
		return 0, &RefusedError{Status: status}
	}
	if err := h.checkFields(fields, acceptKey(key)); err != nil {
		return 0, err
	}
	return end + 4, nil
}

// checkFields holds the fields of a 101 to RFC 6455, 4.1: what the client must check.
func (h *handshake) checkFields(fields, accept string) error {
	extensions := ""
	var upgrade, connection, accepted bool
	for line := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "upgrade":
			upgrade = strings.EqualFold(value, "websocket")
		case "connection":
			connection = connection || hasToken(value, "upgrade")
		case "sec-websocket-accept":
			accepted = value == accept
		case "sec-websocket-extensions":
			extensions += value
		}
	}
	switch {
	case !upgrade:
		return &ProtocolError{"the 101 has no Upgrade: websocket"}
	case !connection:
		return &ProtocolError{"the 101 has no Connection: Upgrade"}
	case !accepted:
		return &ProtocolError{"the 101 has no Sec-WebSocket-Accept, or a wrong one"}
	}
	return h.compression.checkAnswer(extensions)
}

// hasToken reports whether a comma-separated list contains token.
func hasToken(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}
