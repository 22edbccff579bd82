package codec

import (
	"crypto/sha1"
	"encoding/base64"
)

// keyBytes is the length of a Sec-WebSocket-Key: 16 bytes in base64.
const keyBytes = 24

// acceptGUID is what makes an answer to a key a WebSocket server's (RFC 6455,
// 1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AcceptKey returns the Sec-WebSocket-Accept that answers key (RFC 6455,
// 4.2.2). Any goroutine may call it.
func AcceptKey(key string) string {
	return string(appendAccept(nil, []byte(key)))
}

func appendAccept(dst, key []byte) []byte {
	var room [keyBytes + len(acceptGUID)]byte
	sum := sha1.Sum(append(append(room[:0], key...), acceptGUID...))
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// validKey reports whether key is 16 bytes in base64 (RFC 6455, 4.2.1): 22
// characters and the padding.
func validKey(key []byte) bool {
	if len(key) != keyBytes || key[22] != '=' || key[23] != '=' {
		return false
	}
	for _, c := range key[:22] {
		if !isBase64(c) {
			return false
		}
	}
	return true
}
