package codec

import (
	"encoding/binary"
	"math/bits"

	"github.com/gobwas/ws"
)

// Mask masks b in place with key, or unmasks it: both are the same (RFC 6455,
// 5.3). pos is the position of b[0] in the payload of its frame. Any goroutine
// that owns b may call it.
func Mask(b []byte, key [4]byte, pos int) {
	if pos&3 != 0 {
		k := binary.LittleEndian.Uint32(key[:])
		binary.LittleEndian.PutUint32(key[:], bits.RotateLeft32(k, -8*pos))
	}
	mask(b, &key)
}

// cipherBytes is the length from which it pays to go to ws.Cipher.
const cipherBytes = 128

// mask is Mask from the beginning of a payload on. ws.Cipher has vector
// instructions for blocks of 16 bytes, to which the way is long, and goes byte
// by byte through the rest: so it gets the blocks of what is not short.
func mask(b []byte, key *[4]byte) {
	if len(b) >= cipherBytes {
		n := len(b) &^ 15
		ws.Cipher(b[:n], *key, 0)
		b = b[n:]
	}
	k := binary.LittleEndian.Uint32(key[:])
	kk := uint64(k)<<32 | uint64(k)
	for len(b) >= 16 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^kk)
		binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(b[8:])^kk)
		b = b[16:]
	}
	if len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^kk)
		b = b[8:]
	}
	if len(b) >= 4 {
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)^k)
		b = b[4:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
