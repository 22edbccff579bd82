package bench

import (
	"bytes"
	"compress/flate"
)

// deflated plays exchanges on connections with permessage-deflate, without context
// take-over.
func (h *hostile) deflated(cases func() []exchange) []trial {
	v, got, err := h.openDeflated()
	if err != nil {
		return []trial{{"upgrade", err.Error(), false}}
	}
	v.close()
	if got == "" {
		return leftOut("the server compresses nothing")
	}
	open := func() (*villain, error) {
		v, _, err := h.openDeflated()
		return v, err
	}
	return each(cases(), func(x exchange) trial { return h.talkOn(open, x) })
}

// openDeflated opens a connection that offers compression, and returns the answer.
func (h *hostile) openDeflated() (*villain, string, error) {
	v, err := h.dial()
	if err != nil {
		return nil, "", err
	}
	fields, err := v.shake(h.head("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover"))
	if err != nil {
		v.close()
		return nil, "", err
	}
	return v, fields.Get("Sec-WebSocket-Extensions"), nil
}

// deflate compresses b as RFC 7692, 7.2.1 says.
func deflate(b []byte) []byte { return bytes.TrimSuffix(flushed(b), flushTail) }

// flushTail is what a flush ends with, and a message leaves out.
var flushTail = []byte("\x00\x00\xff\xff")

// flushed compresses b, up to a flush.
func flushed(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic("bench: " + err.Error()) // the level is one there is
	}
	_, _ = w.Write(b) // to memory
	_ = w.Flush()
	return out.Bytes()
}

// zeros is n MiB of zero bytes, compressed: the same MiB so many times.
func zeros(n int) []byte {
	return bytes.TrimSuffix(bytes.Repeat(flushed(make([]byte, 1<<20)), n), flushTail)
}

// compressed are the first bytes of frames whose message is compressed.
const (
	compressedText   = bitFin | rsv1 | opText
	compressedBinary = bitFin | rsv1 | opBinary
)

func bombs(h *hostile) []trial {
	return h.deflated(func() []exchange {
		bomb := zeros(256)
		half := len(bomb) / 2
		return []exchange{
			{name: "one frame", sent: masked(compressedBinary, bomb), want: "1009"},
			{name: "two frames", sent: append(masked(rsv1|opBinary, bomb[:half]), masked(0x80, bomb[half:])...), want: "1009"},
		}
	})
}

func corrupt(h *hostile) []trial {
	return h.deflated(func() []exchange {
		return []exchange{
			{name: "a reserved block", sent: masked(compressedText, []byte{0x06, 0xff, 0xff}), want: "1007"},
			{name: "a stored block with a bad length", sent: masked(compressedText, []byte{0x00, 5, 0, 5, 0, 1, 2, 3, 4, 5}), want: "1007"},
			{name: "a distance too far", sent: masked(compressedText, []byte{0x02, 0x02}), want: "1007"},
			{name: "text that is no UTF-8", sent: masked(compressedText, deflate([]byte("bad \xff"))), want: "1007"},
		}
	})
}

func rsv1Frames(h *hostile) []trial {
	first := masked(rsv1|opText, deflate([]byte("compressed")))
	return h.deflated(func() []exchange {
		return []exchange{
			{name: "continuation", sent: append(first, masked(bitFin|rsv1, nil)...), want: "1002"},
			{name: "ping", sent: masked(bitFin|rsv1|opPing, nil), want: "1002"},
			{name: "pong", sent: masked(bitFin|rsv1|opPong, nil), want: "1002"},
			{name: "close", sent: masked(bitFin|rsv1|opClose, nil), want: "1002"},
		}
	})
}

func emptyDeflated(h *hostile) []trial {
	return h.deflated(func() []exchange {
		return []exchange{
			{name: "an empty message", sent: masked(compressedText, []byte{0}), messages: 1},
			{name: "a final block, RFC 7692, 7.2.3.4", sent: masked(compressedText, []byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}), messages: 1},
			{name: "two blocks, RFC 7692, 7.2.3.5", sent: masked(compressedText, []byte{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}), messages: 1},
			{name: "two flushes", sent: masked(compressedText, []byte{0, 0, 0, 0xff, 0xff, 0}), messages: 1},
		}
	})
}
