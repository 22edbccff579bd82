// Package raw is the WebSocket protocol of the servers here that have none of their
// own, at its barest: frames are answered one by one, in the memory they came in.
package raw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/gobwas/ws"
)

// maxFrame bounds the payload of one frame.
const maxFrame = 16 << 20

// errFrame ends a connection whose client breaks the protocol or its limits.
var errFrame = errors.New("raw: bad frame")

// ErrClosed says that a close frame was answered: write the replies, then close.
var ErrClosed = errors.New("raw: closed")

// Upgrade answers the request in b. n is how many bytes it has; n == 0 without an
// error: it has not come whole. path is the request's target.
func Upgrade(b []byte) (answer []byte, path string, n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, "", 0, nil
	}
	n = end + 4
	var out bytes.Buffer
	u := ws.Upgrader{OnRequest: func(uri []byte) error {
		path = string(uri)
		return nil
	}}
	_, err = u.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(b[:n]), &out})
	return out.Bytes(), path, n, err
}

// IsBroadcast reports whether path is that of the room.
func IsBroadcast(path string) bool { return strings.HasPrefix(path, "/broadcast") }

// head reads the header at the beginning of b. ok is false when it is incomplete.
func head(b []byte) (size, payload int, ok bool, err error) {
	if len(b) < 2 {
		return 0, 0, false, nil
	}
	if b[1]&0x80 == 0 {
		return 0, 0, false, errFrame
	}
	size, payload = 6, int(b[1]&0x7f)
	switch payload {
	case 126:
		size = 8
	case 127:
		size = 14
	}
	if len(b) < size {
		return 0, 0, false, nil
	}
	switch payload {
	case 126:
		payload = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		long := binary.BigEndian.Uint64(b[2:])
		if long > maxFrame {
			return 0, 0, false, errFrame
		}
		payload = int(long)
	}
	return size, payload, true, nil
}

// Replies unmasks the whole frames at the beginning of b and makes replies of them,
// one behind the other inside b: data frames as they came, pongs for pings, a close
// frame for a close frame. n is how many bytes they had. What follows is an
// incomplete frame, and need is its length as soon as its header is there.
func Replies(b []byte) (replies []byte, n, need int, err error) {
	from, to := -1, 0
	for {
		size, payload, ok, err := head(b[n:])
		if err != nil {
			return nil, n, 0, err
		}
		if !ok {
			break
		}
		if len(b)-n < size+payload {
			need = size + payload
			break
		}
		frame := b[n : n+size+payload]
		n += len(frame)
		op := frame[0] & 0x0f
		if op == byte(ws.OpPong) {
			continue
		}
		body := frame[size:]
		ws.Cipher(body, [4]byte(frame[size-4:size]), 0)
		// A reply has the same header without the key: the first one stays where it is,
		// and the others move up behind it.
		at := n - len(frame) + 4
		if from < 0 {
			from, to = at, at
		}
		first, second := frame[0], frame[1]&0x7f
		if op == byte(ws.OpPing) {
			first = first&0xf0 | byte(ws.OpPong)
		}
		long := copy(b[to+2:], frame[2:size-4])
		b[to], b[to+1] = first, second
		to += 2 + long
		to += copy(b[to:], body)
		if op == byte(ws.OpClose) {
			return b[from:to], n, 0, ErrClosed
		}
	}
	if from < 0 {
		return nil, n, need, nil
	}
	return b[from:to], n, need, nil
}
