package codec

import (
	"encoding/binary"
	"math"
)

// Where a Decoder is.
const (
	unset     uint8 = iota // the zero Decoder: Reset was not called
	rest                   // at a frame boundary, no message begun
	inHead                 // at a frame boundary inside a message, or inside a header
	inControl              // inside the payload of a control frame
	inData                 // inside the payload of a data frame
	closed                 // after the close frame: the rest is dropped
	failed                 // after an error: it stays
)

// Decoder turns what a peer sent into events, however it was cut (RFC 6455,
// section 5). One goroutine at a time may use it. The zero Decoder is a
// server's, without limits, on memory from the heap; Reset makes it another.
//
// It holds no memory of its own: a message that comes in one slice is given
// back as a view into that slice, and one that does not is kept in memory of
// the Store.
type Decoder struct {
	// Taken from the Config.
	maxBytes  uint64
	maxFrames int
	store     Store
	client    bool
	deflate   bool
	strict    bool
	skipUTF8  bool
	pieces    bool
	maskBit   byte // what the mask bit of each frame must be

	// The frame being received.
	state uint8
	op    OpCode
	fin   bool
	mask  [4]byte
	pos   int    // bytes of the payload already received
	left  uint64 // bytes of the payload still to come

	// The message being received.
	open       bool
	check      bool // its text is validated
	compressed bool
	msgOp      OpCode
	frames     int
	total      uint64 // payload bytes of all its frames so far, as their headers say
	text       UTF8
	msg        []byte // memory of store, or nil

	err *Error

	// A header or a control payload of which only the beginning came.
	held uint8
	buf  [MaxControlBytes]byte
}

// Reset makes d the Decoder of a new connection. cfg is only read and may be
// nil, as the zero Config; a nil Store means memory from the heap. It forgets
// the memory of a message that is not whole: Take it first.
func (d *Decoder) Reset(cfg *Config, s Store) {
	if cfg == nil {
		cfg = &Config{}
	}
	if s == nil {
		s = heapStore{}
	}
	*d = Decoder{
		store:     s,
		client:    cfg.Client,
		deflate:   cfg.Deflate,
		strict:    cfg.StrictLength,
		skipUTF8:  cfg.SkipUTF8,
		pieces:    cfg.Pieces,
		maxBytes:  math.MaxUint64,
		maxFrames: cfg.MaxFragments,
		maskBit:   bitMask,
		state:     rest,
	}
	if cfg.MaxMessageBytes > 0 {
		d.maxBytes = uint64(cfg.MaxMessageBytes)
	}
	if cfg.Client {
		d.maskBit = 0
	}
}

// Next takes some of b, n bytes, and gives at most one event. Call it again
// with b[n:] until ev.Kind is None: then all of b was taken and more is needed.
// (Nothing is pending when b[n:] is empty.) It unmasks in place, so b is
// written to; b stays the caller's.
//
// err is nil or an *Error: the peer broke the protocol or a limit, as soon as
// the bytes that say so were seen. It stays: later calls return it again and
// take nothing. After the event Close all further bytes are taken and dropped.
//
// A whole frame that is a whole message is neither copied nor stored, and Next
// allocates nothing but through Store.
func (d *Decoder) Next(b []byte) (ev Event, n int, err error) {
	if op, p, n := d.Whole(b); n > 0 {
		return Event{Tag: Tag{Kind: Message, Op: op}, Data: p}, n, nil
	}
	return d.next(b)
}

// Whole is Next for what is mostly next: one final frame that is a whole
// message, not compressed, all of it in b. Of that it takes n bytes, and p is
// what Data of the event would be. n is 0 for all else: then it is Next that is
// to be called, with the same b.
func (d *Decoder) Whole(b []byte) (op OpCode, p []byte, n int) {
	if d.state != rest || len(b) < 6 {
		return 0, nil, 0
	}
	b0, b1 := b[0], b[1]
	size, at := int(b1&bitsLen), 2
	if (b0 != bitFIN|byte(OpText) && b0 != bitFIN|byte(OpBinary)) || b1&bitMask != d.maskBit || size == len64 {
		return 0, nil, 0
	}
	if size == len16 {
		size, at = int(binary.BigEndian.Uint16(b[2:])), 4
		if size < len16 {
			return 0, nil, 0
		}
	}
	end := at + size + int(d.maskBit>>5)
	if end > len(b) || uint64(size) > d.maxBytes {
		return 0, nil, 0
	}
	p = b[end-size : end : end]
	if d.maskBit != 0 {
		mask(p, (*[4]byte)(b[at:]))
	}
	if b0 == bitFIN|byte(OpText) && !d.skipUTF8 && !validText(p) {
		d.fail(errText) // Next says so
		return 0, nil, 0
	}
	return OpCode(b0 & bitsOp), p, end
}

// next is Next of what Whole does not take.
func (d *Decoder) next(b []byte) (ev Event, n int, err error) {
	for {
		var k int
		var e *Error
		switch d.state {
		case unset:
			d.Reset(nil, nil)
		case rest, inHead:
			k, e = d.takeHead(b[n:])
			n += k
			if e == nil && (d.state == rest || d.state == inHead) {
				return Event{}, n, nil
			}
		case inControl:
			ev, k, e = d.takeControl(b[n:])
			n += k
			if e == nil {
				return ev, n, nil
			}
		case inData:
			ev, k, e = d.takeData(b[n:])
			n += k
			if e == nil && (ev.Kind != None || d.state == inData) {
				return ev, n, nil
			}
		case closed:
			return Event{}, len(b), nil
		case failed:
			return Event{}, 0, d.err
		}
		if e != nil {
			return d.fail(e)
		}
	}
}

// fail makes e the last word of d.
func (d *Decoder) fail(e *Error) (Event, int, error) {
	d.state, d.err = failed, e
	return Event{}, 0, e
}

// takeHead takes a frame header, or the piece of it that b holds. It leaves
// the state when the header is whole.
func (d *Decoder) takeHead(b []byte) (n int, e *Error) {
	if len(b) == 0 {
		return 0, nil
	}
	src, before := b, int(d.held)
	if before > 0 {
		k := copy(d.buf[before:MaxHeaderBytes], b)
		src = d.buf[:before+k]
	}
	if len(src) >= 2 {
		if e := d.judgeBits(src[0], src[1]); e != nil {
			return 0, e
		}
	}
	h, size := parseHead(src)
	if size == 0 {
		if before == 0 {
			copy(d.buf[:], src)
		}
		d.held, d.state = uint8(len(src)), inHead
		return len(b), nil
	}
	d.held = 0
	return size - before, d.begin(&h)
}

// begin starts the payload of a frame.
func (d *Decoder) begin(h *head) *Error {
	op := OpCode(h.b0 & bitsOp)
	if !op.IsControl() {
		if e := d.judgeLength(h); e != nil {
			return e
		}
		d.frames++
		d.total += h.length
	}
	d.op, d.fin, d.mask, d.pos, d.left = op, h.b0&bitFIN != 0, h.mask, 0, h.length
	if op.IsControl() {
		d.state = inControl
		return nil
	}
	d.state = inData
	if op != OpContinuation {
		d.open, d.msgOp, d.compressed = true, op, h.b0&bitRSV1 != 0
		d.check = op == OpText && !d.compressed && !d.skipUTF8
	}
	return nil
}

// payload takes what b holds of the frame's payload, and unmasks it.
func (d *Decoder) payload(b []byte) []byte {
	n := int(min(d.left, uint64(len(b))))
	b = b[:n:n]
	if d.maskBit != 0 {
		Mask(b, d.mask, d.pos&3)
	}
	d.pos += n
	d.left -= uint64(n)
	return b
}

// takeControl takes what b holds of the payload of a control frame. The event
// is None while some of it lacks.
func (d *Decoder) takeControl(b []byte) (ev Event, n int, e *Error) {
	p := d.payload(b)
	n = len(p)
	if d.left > 0 || d.held > 0 {
		d.held += uint8(copy(d.buf[d.held:], p))
		if d.left > 0 {
			return Event{}, n, nil
		}
		p = d.buf[:d.held:d.held]
		d.held = 0
	}
	d.state = rest
	if d.open {
		d.state = inHead
	}
	ev = Event{Tag: Tag{Kind: Ping, Op: d.op}, Data: p}
	switch d.op {
	case OpPong:
		ev.Kind = Pong
	case OpClose:
		ev.Kind = Close
		d.state = closed
		ev.Code, ev.Data, e = parseClose(p, d.skipUTF8)
	}
	return ev, n, e
}

// takeData takes what b holds of the payload of a data frame.
func (d *Decoder) takeData(b []byte) (ev Event, n int, e *Error) {
	p := d.payload(b)
	n = len(p)
	last := d.left == 0 && d.fin
	if d.check && !d.text.Valid(p, last) {
		return Event{}, n, errText
	}
	if d.pieces && !d.compressed {
		return d.endLoan(p, last), n, nil
	}
	if last && d.msg == nil {
		// All of the message is in b: the frames before it were empty.
		ev = Event{Tag: Tag{Kind: Message, Op: d.msgOp, Compressed: d.compressed}, Data: p}
		d.endMessage()
		return ev, n, nil
	}
	if n > 0 {
		if len(d.msg)+n > cap(d.msg) {
			d.grow(len(d.msg) + n)
		}
		d.msg = append(d.msg, p...)
	}
	return d.endPiece(), n, nil
}

// endLoan gives p, some of a message that comes in pieces, and leaves the frame
// when its payload is whole.
func (d *Decoder) endLoan(p []byte, last bool) (ev Event) {
	if last {
		ev = Event{Tag: Tag{Kind: LastPiece, Op: d.msgOp}, Data: p}
		d.endMessage()
		return ev
	}
	if d.left == 0 {
		d.state = inHead
	}
	if len(p) == 0 {
		return Event{}
	}
	return Event{Tag: Tag{Kind: Piece, Op: d.msgOp}, Data: p}
}

// grow gets memory for a message of which have bytes are there, counting those
// about to be stored. The frames before this one are received whole, so total
// is known to be needed. When it is not the last, what follows is not known:
// then memory doubles at least, or each of many small fragments would move all
// that came before it.
func (d *Decoder) grow(have int) {
	want := growTo(have, d.total)
	if !d.fin {
		want = max(want, int(min(2*uint64(cap(d.msg)), d.maxBytes, math.MaxInt)))
	}
	d.msg = d.store.Grow(d.msg, want)
	if cap(d.msg) < want {
		panic("codec: Store.Grow returned less than it was asked for")
	}
}

// endPiece leaves the frame when its payload is whole, and gives the message
// when that was its last frame.
func (d *Decoder) endPiece() (ev Event) {
	if d.left > 0 {
		return Event{}
	}
	if !d.fin {
		d.state = inHead
		return Event{}
	}
	ev = Event{Tag: Tag{Kind: Message, Op: d.msgOp, Compressed: d.compressed, Owned: true}, Data: d.msg}
	d.endMessage()
	return ev
}

// endMessage makes d ready for the next message. Its text was valid to the end,
// so the next one finds d.text at the beginning.
func (d *Decoder) endMessage() {
	d.state, d.open = rest, false
	d.frames, d.total, d.msg = 0, 0, nil
}

// Idle reports whether d is between two messages and between two frames: a
// Decoder that was just Reset would do as well. It is false for good after an
// error and after the event Close, until Reset.
func (d *Decoder) Idle() bool {
	return d.state <= rest
}

// Progress says how much has come of the message that is not whole: so many
// data frames have begun, so many bytes of their payload are there, and within
// that a frame, of control perhaps, is not whole.
func (d *Decoder) Progress() (frames int, bytes uint64, within bool) {
	bytes = d.total
	if d.state == inData {
		bytes -= d.left
	}
	return d.frames, bytes, d.state == inControl || d.state == inData || d.state == inHead && d.held > 0
}
