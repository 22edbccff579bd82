package codec

import (
	"bytes"
	"io"
	"math"

	"github.com/klauspost/compress/flate"
)

// What follows a compressed message, as far as a decompressor is concerned. The
// tail that was not sent is the length of an empty stored block; here it is
// that of a block of marker bytes, and a last block follows. A message that
// ends within a block takes some of this for data, and then the markers are not
// the last bytes that come out, or are no beginning of a block. One truncation
// looks the same all the same: a stored block that lacks just as many bytes as
// there are up to the last block. Then the length stands before the markers,
// and the other tail tells: RFC 7692, 7.2.2.
const (
	lastBlock = "\x01\x00\x00\xff\xff"
	oneLength = "\x01\x00\xfe\xff"
	oneTail   = oneLength + "\x07" + lastBlock
	twoTail   = "\x02\x00\xfd\xff" + "\x07\x07" + lastBlock
)

var (
	errInflate    = &Error{StatusInvalidFramePayloadData, "message is not deflate"}
	errInflateBig = &Error{StatusMessageTooBig, "message too big when decompressed"}
)

// A message may have so many blocks that are marked as the last one: each of
// them costs a copy of the window.
const maxLastBlocks = 64

// A message up to this length is copied to stand in one piece with its tail,
// which is read much faster than two pieces are.
const joinBytes = 64 << 10

// Inflater decompresses messages: RFC 7692, 7.2.2. Like a Deflater it keeps
// nothing of one message for the next. It may be used on after an error.
type Inflater struct {
	r      io.ReadCloser
	joined []byte // a message and its tail
	whole  bytes.Reader
	apart  tailed
}

// NewInflater returns an Inflater, for messages of any window. It holds about
// 44 KB, and up to 64 KB more once it has seen messages.
func NewInflater() *Inflater {
	x := new(Inflater)
	x.r = flate.NewReader(&x.whole)
	return x
}

// Inflate decompresses the message src into memory of s, which is the caller's
// when err is nil and the Store's otherwise. dict is what came before, at most
// the window, for a peer that keeps a context. At most limit bytes come out; 0
// or less is no limit. src and dict are only read, and not kept.
//
// err is nil or an *Error: 1007 for what is no deflate stream, or ends within
// a block, and 1009 beyond limit, with no more than limit and one byte stored.
func (x *Inflater) Inflate(s Store, src, dict []byte, limit int64) (msg []byte, err error) {
	defer func() { x.apart = tailed{} }()
	msg, e := x.inflate(s, src, dict, limit, oneTail, 1)
	if e == nil && bytes.HasSuffix(msg, []byte(oneLength)) {
		_, e = x.inflate(heapStore{}, src, dict, limit, twoTail, 2)
	}
	if e != nil {
		return nil, e
	}
	return msg, nil
}

// inflate is Inflate with a tail of so many markers.
func (x *Inflater) inflate(s Store, src, dict []byte, limit int64, tail string, markers int) ([]byte, *Error) {
	in := x.source(src, tail)
	room := int64(math.MaxInt64)
	if limit > 0 {
		room = limit + int64(markers)
	}
	msg := s.Grow(nil, int(min(4*int64(len(src))+64, room)))
	for range maxLastBlocks {
		// RFC 7692, 7.2.3.4: a block may be marked as the last one and be followed by
		// others. What they refer to is what came out so far.
		if err := x.r.(flate.Resetter).Reset(in, history(dict, msg)); err != nil {
			return nil, errInflate
		}
		var e *Error
		if msg, e = x.drain(s, msg, room); e != nil {
			return nil, e
		}
		left := in.Len()
		if left >= len(tail) {
			continue // a last block of the message's own
		}
		if end := tail[len(tail)-len(lastBlock)-markers : len(tail)-len(lastBlock)]; left == 0 && bytes.HasSuffix(msg, []byte(end)) {
			return msg[:len(msg)-markers], nil
		}
		break
	}
	return nil, errInflate
}

// source is what a message and its tail are read from.
type source interface {
	io.Reader
	io.ByteReader // or a Reader would read ahead
	Len() int
}

func (x *Inflater) source(src []byte, tail string) source {
	if len(src) > joinBytes {
		x.apart = tailed{b: src, tail: tail}
		return &x.apart
	}
	x.joined = append(append(x.joined[:0], src...), tail...)
	x.whole.Reset(x.joined)
	return &x.whole
}

// tailed reads a message and then its tail.
type tailed struct {
	b    []byte
	tail string
}

// Len is the number of bytes not read.
func (t *tailed) Len() int { return len(t.b) + len(t.tail) }

// Read reads some of what is left.
func (t *tailed) Read(p []byte) (int, error) {
	if len(t.b) > 0 {
		n := copy(p, t.b)
		t.b = t.b[n:]
		return n, nil
	}
	if len(t.tail) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.tail)
	t.tail = t.tail[n:]
	return n, nil
}

// ReadByte reads a byte.
func (t *tailed) ReadByte() (c byte, err error) {
	if len(t.b) > 0 {
		c, t.b = t.b[0], t.b[1:]
		return c, nil
	}
	if len(t.tail) == 0 {
		return 0, io.EOF
	}
	c, t.tail = t.tail[0], t.tail[1:]
	return c, nil
}

// drain reads blocks up to one that is marked as the last, into most bytes of
// memory.
func (x *Inflater) drain(s Store, msg []byte, most int64) ([]byte, *Error) {
	for {
		if int64(len(msg)) == most {
			return x.full(msg)
		}
		if len(msg) == cap(msg) {
			msg = s.Grow(msg, int(min(2*int64(len(msg))+64, most)))
		}
		n, err := x.r.Read(msg[len(msg):min(int64(cap(msg)), most)])
		msg = msg[:len(msg)+n]
		if err == io.EOF {
			return msg, nil
		}
		if err != nil {
			return nil, errInflate
		}
	}
}

// full looks whether anything follows when there is no more room.
func (x *Inflater) full(msg []byte) ([]byte, *Error) {
	var one [1]byte
	switch _, err := io.ReadFull(x.r, one[:]); err {
	case nil:
		return nil, errInflateBig
	case io.EOF:
		return msg, nil
	default:
		return nil, errInflate
	}
}

// history returns the last window of dict and msg together.
func history(dict, msg []byte) []byte {
	const window = 1 << MaxWindowBits
	if len(msg) == 0 {
		return dict
	}
	if len(msg) >= window || len(dict) == 0 {
		return msg[max(0, len(msg)-window):]
	}
	keep := min(len(dict), window-len(msg))
	return append(append(make([]byte, 0, keep+len(msg)), dict[len(dict)-keep:]...), msg...)
}

// AppendWindow returns the window of a context after msg: the last size bytes
// of window and msg together. window is reused, and grows to size at most.
func AppendWindow(window, msg []byte, size int) []byte {
	if len(msg) >= size {
		return append(window[:0], msg[len(msg)-size:]...)
	}
	if over := len(window) + len(msg) - size; over > 0 {
		window = window[:copy(window, window[over:])]
	}
	return append(window, msg...)
}
