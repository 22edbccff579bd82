package codec

import "github.com/gobwas/ws"

// Mask masks b in place with key, or unmasks it: both are the same (RFC 6455,
// 5.3). pos is the position of b[0] in the payload of its frame, not negative.
// Any goroutine that owns b may call it.
func Mask(b []byte, key [4]byte, pos int) {
	ws.Cipher(b, key, pos)
}
