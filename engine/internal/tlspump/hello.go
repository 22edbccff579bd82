package tlspump

// Hello reports whether b, the first bytes of a client, has a whole record: a
// handshake that is begun before that only waits. It does too if b can't be a
// record, which is for the handshake to say.
func Hello(b []byte) bool {
	n, ok := helloBytes(b)
	return ok && (n == 0 || len(b) >= headerBytes+n)
}

// helloBytes is the length of the record that b, the first bytes of a client,
// begins with; 0 if it can't be one. False: there is less than its header.
func helloBytes(b []byte) (n int, ok bool) {
	if len(b) < headerBytes {
		return 0, false
	}
	n = int(b[3])<<8 | int(b[4])
	if b[0] != recordHandshake || n > maxCipherBytes {
		return 0, true
	}
	return n, true
}

// recordHandshake is the type of the first record.
const recordHandshake = 22

// Greet is Feed of the first bytes of a client, of which Hello is true. The hello
// is fed as two records, which RFC 8446, 5.1, and RFC 5246, 6.2.1, allow: for
// as long as the connection lives crypto/tls keeps a buffer with room for the largest
// record so far, and 512 bytes, and a hello with a key of ML-KEM is by far the
// largest that an idle one has seen.
func (h *Handshake) Greet(b []byte) {
	n, _ := helloBytes(b)
	if n >= 2 {
		for _, part := range [][]byte{b[headerBytes : headerBytes+n/2], b[headerBytes+n/2 : headerBytes+n]} {
			h.Feed([]byte{b[0], b[1], b[2], byte(len(part) >> 8), byte(len(part))})
			h.Feed(part)
		}
		b = b[headerBytes+n:]
	}
	h.Feed(b)
}
