package bench

import "bytes"

// inbound compares what a server sends on one connection with the messages that
// it owes: those of frames in turn, from slot on.
//
// The quick way takes for granted that the server frames as the prepared messages
// do (one frame each, shortest length), and then a whole read is one comparison,
// headers and all. At the first byte that differs the message is read again by
// the parser, which knows about fragments and control frames, and tells another
// framing from another content.
type inbound struct {
	frames  *frames // nil: the server owes nothing but control frames
	slot    int     // the message that comes next
	off     int     // bytes of its frame that came the quick way
	seen    int64   // messages that were right
	parsing bool    // the quick way is left until the next boundary
	parser  parser

	raw    []byte // of a compressed message, so far
	window []byte // of what came, where compressed messages refer to it
}

// feed takes the next bytes and returns how many messages they completed.
func (in *inbound) feed(b []byte, c controls) (done int, err error) {
	for len(b) > 0 {
		if !in.parsing {
			b = in.match(b, &done)
			if len(b) == 0 {
				return done, nil
			}
			if err := in.startParsing(c); err != nil {
				return done, err
			}
		}
		n, ended, err := in.parser.feed(b, in, c)
		if err != nil {
			return done, err
		}
		b = b[n:]
		if ended {
			in.advance(1)
			done++
		}
		in.parsing = !in.parser.idle()
	}
	return done, nil
}

// match consumes what equals the prepared frames and returns the rest, which
// begins in the read that first differs.
func (in *inbound) match(b []byte, done *int) []byte {
	f := in.frames
	if f == nil {
		return b
	}
	for len(b) > 0 {
		at := in.slot*f.inLen + in.off
		n := min(len(b), len(f.in)-at)
		if !bytes.Equal(b[:n], f.in[at:at+n]) {
			// The messages before the one that differs were right: keep them.
			whole := (commonPrefix(b[:n], f.in[at:at+n]) + in.off) / f.inLen
			if whole == 0 {
				return b
			}
			n = whole*f.inLen - in.off
		}
		in.off += n
		if whole := in.off / f.inLen; whole > 0 {
			in.off -= whole * f.inLen
			in.advance(whole)
			*done += whole
		}
		b = b[n:]
	}
	return nil
}

// startParsing gives the parser what came of the current frame the quick way: it
// equals the prepared frame.
func (in *inbound) startParsing(c controls) error {
	in.parsing = true
	in.parser = parser{}
	if in.off == 0 {
		return nil
	}
	at := in.slot * in.frames.inLen
	before := in.frames.in[at : at+in.off]
	in.off = 0
	_, _, err := in.parser.feed(before, in, c)
	return err
}

// advance counts n messages as right.
func (in *inbound) advance(n int) {
	in.seen += int64(n)
	in.slot = (in.slot + n) % in.frames.count
}

// wrong describes a fault of the current message.
func (in *inbound) wrong(reason string) error {
	return &MismatchError{Message: in.seen, Offset: -1, Reason: reason}
}

// compare checks payload bytes that came for the current message from byte at on.
func (in *inbound) compare(b []byte, at int) error {
	want := in.frames.payload(in.slot)
	if at+len(b) > len(want) {
		return in.wrong("it is too long")
	}
	want = want[at : at+len(b)]
	if bytes.Equal(b, want) {
		return nil
	}
	i := commonPrefix(b, want)
	return &MismatchError{Message: in.seen, Offset: at + i, Got: b[i], Want: want[i]}
}

// complete checks that the current message ends after size bytes.
func (in *inbound) complete(size int) error {
	if size < in.frames.size {
		return in.wrong("it is too short")
	}
	return nil
}

// commonPrefix returns how many bytes a and b begin with alike.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
