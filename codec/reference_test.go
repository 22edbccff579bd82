package codec

import "unicode/utf8"

// reference decodes b slowly and plainly, from the text of RFC 6455: what the
// Decoder is compared with. It returns what a feeder writes, and the code of
// the error, 0 for none.
func reference(cfg *Config, b []byte) (out []string, code StatusCode) {
	var (
		message  []byte
		open     bool
		op       OpCode
		deflated bool
		frames   int
	)
	for len(b) >= 2 {
		fin, rsv1, rsv23 := b[0]>>7 == 1, b[0]>>6&1 == 1, b[0]>>4&3
		frameOp, masked, length := OpCode(b[0]%16), b[1]>>7 == 1, uint64(b[1]%128)
		control := frameOp >= 8
		switch {
		case rsv23 != 0, masked == cfg.Client:
			return out, 1002
		case rsv1 && (!cfg.Deflate || control || frameOp == 0):
			return out, 1002
		case frameOp >= 3 && frameOp <= 7, frameOp >= 11:
			return out, 1002
		case control && (!fin || length > 125), frameOp == 8 && length == 1:
			return out, 1002
		case !control && open == (frameOp != 0):
			return out, 1002
		}
		at := 2
		if more := map[uint64]int{126: 2, 127: 8}[length]; more > 0 {
			if len(b) < at+more {
				return out, 0
			}
			length = 0
			for _, c := range b[at : at+more] {
				length = length<<8 | uint64(c)
			}
			at += more
			// A frame is judged when all of its header is there.
			if masked && len(b) < at+4 {
				return out, 0
			}
			if length >= 1<<63 || cfg.StrictLength && (length < 126 || more == 8 && length < 65536) {
				return out, 1002
			}
		}
		key := []byte{0, 0, 0, 0}
		if masked {
			if len(b) < at+4 {
				return out, 0
			}
			key = b[at : at+4]
			at += 4
		}
		if !control {
			if frames++; cfg.MaxFragments > 0 && frames > cfg.MaxFragments {
				return out, 1008
			}
			if cfg.MaxMessageBytes > 0 && uint64(len(message))+length > uint64(cfg.MaxMessageBytes) {
				return out, 1009
			}
			if frameOp != 0 {
				open, op, deflated = true, frameOp, rsv1
			}
		}
		var payload []byte
		for i := 0; uint64(i) < length && at+i < len(b); i++ {
			payload = append(payload, b[at+i]^key[i%4])
		}
		whole := uint64(len(payload)) == length
		b = b[at+len(payload):]
		if control {
			if !whole {
				return out, 0
			}
			kind := map[OpCode]EventKind{OpPing: Ping, OpPong: Pong, OpClose: Close}[frameOp]
			if kind != Close {
				out = append(out, eventText(kind, frameOp, false, 0, payload))
				continue
			}
			if len(payload) == 0 {
				return append(out, eventText(Close, OpClose, false, 1005, nil)), 0
			}
			c := int(payload[0])*256 + int(payload[1])
			if !(c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999) {
				return out, 1002
			}
			if !cfg.SkipUTF8 && !utf8.Valid(payload[2:]) {
				return out, 1007
			}
			return append(out, eventText(Close, OpClose, false, StatusCode(c), payload[2:])), 0
		}
		message = append(message, payload...)
		if op == OpText && !deflated && !cfg.SkipUTF8 {
			if !validBeginning(message) || whole && fin && !utf8.Valid(message) {
				return out, 1007
			}
		}
		if whole && fin {
			out = append(out, eventText(Message, op, deflated, 0, message))
			message, open, frames = nil, false, 0
		}
	}
	return out, 0
}

// validBeginning reports whether b can be the beginning of a valid text. It
// asks unicode/utf8 whether anything completes the last character.
func validBeginning(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			return completable(b)
		}
		b = b[size:]
	}
	return true
}

// completable reports whether some continuation makes b one character. The
// bytes tried are the boundaries of the ranges of second bytes.
func completable(b []byte) bool {
	for _, second := range []byte{0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf} {
		c := append(append([]byte{}, b...), second, 0x80, 0x80)
		for n := len(b) + 1; n <= len(c) && n <= utf8.UTFMax; n++ {
			if utf8.Valid(c[:n]) {
				return true
			}
		}
	}
	return false
}
