package million

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// The kinds of frames that come and go here. All are whole messages of at most
// maxPayload bytes.
const (
	opText = 0x1
	opPing = 0x9
	opPong = 0xA

	finBit     = 0x80
	maskBit    = 0x80
	maxPayload = 125
)

// frame is one of the server's.
type frame struct {
	op      byte
	payload []byte // a view of the parsed bytes
}

// parseFrame reads the frame at the start of b. n == 0 without an error: it has not
// come whole.
func parseFrame(b []byte) (f frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	if b[0]&0xF0 != finBit || b[1] > maxPayload {
		return f, 0, errors.New("a frame that nobody asked for")
	}
	n = 2 + int(b[1])
	if len(b) < n {
		return f, 0, nil
	}
	return frame{op: b[0] & 0xF, payload: b[2:n]}, n, nil
}

// appendFrame appends a client's frame with a payload of at most maxPayload bytes.
func appendFrame(dst []byte, op byte, mask [4]byte, payload []byte) []byte {
	dst = append(dst, finBit|op, maskBit|byte(len(payload)), mask[0], mask[1], mask[2], mask[3])
	for i, c := range payload {
		dst = append(dst, c^mask[i&3])
	}
	return dst
}

// upgrade is the request for a connection: its key is made of its number.
type upgrade struct {
	before, after string
}

// newUpgrade prepares requests to a host.
func newUpgrade(host string) *upgrade {
	return &upgrade{
		before: "GET / HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
		after:  "\r\n\r\n",
	}
}

// key is the Sec-WebSocket-Key of a connection: 16 bytes in base64.
func key(conn int) []byte {
	var nonce [16]byte
	binary.BigEndian.PutUint64(nonce[:], uint64(conn))
	return base64.StdEncoding.AppendEncode(nil, nonce[:])
}

// append appends the request of a connection.
func (u *upgrade) append(dst []byte, conn int) []byte {
	dst = append(dst, u.before...)
	dst = append(dst, key(conn)...)
	return append(dst, u.after...)
}

// accept is the Sec-WebSocket-Accept that answers a key (RFC 6455, 1.3).
func accept(key []byte) string {
	sum := sha1.Sum(append(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	return base64.StdEncoding.EncodeToString(sum[:])
}
