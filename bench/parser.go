package bench

import (
	"encoding/binary"
	"math"
)

// controls is told of each control frame; the payload is valid until it returns.
type controls interface {
	control(op byte, payload []byte) error
}

// parser reads the frames of a server, cut anywhere, and has the payload of data
// frames compared as it comes. The zero parser is at a boundary.
type parser struct {
	head    [14]byte // the header as far as it came
	headLen int      // bytes in head
	inFrame bool     // the header is complete
	op      byte     // of the frame
	fin     bool     // of the frame
	left    int      // payload bytes of the frame that are still to come

	inMessage bool // a message has begun and its last frame has not ended
	size      int  // its payload bytes so far
	packed    bool // it is compressed

	ctl    [125]byte // payload of a control frame
	ctlLen int       // bytes in ctl
}

// idle reports whether the parser is between messages and between frames.
func (p *parser) idle() bool { return p.headLen == 0 && !p.inFrame && !p.inMessage }

// feed consumes bytes up to the end of the next frame at most; ended says that
// this frame completed a message.
func (p *parser) feed(b []byte, in *inbound, c controls) (n int, ended bool, err error) {
	for !p.inFrame {
		if n == len(b) {
			return n, false, nil
		}
		p.head[p.headLen] = b[n]
		p.headLen++
		n++
		if p.headLen < 2 || p.headLen < headerLen(p.head[1]) {
			continue
		}
		if err := p.begin(in); err != nil {
			return n, false, err
		}
	}
	part := b[n:min(len(b), n+p.left)]
	n += len(part)
	p.left -= len(part)
	if p.op >= opClose {
		p.ctlLen += copy(p.ctl[p.ctlLen:], part)
	} else if err := p.data(part, in); err != nil {
		return n, false, err
	}
	if p.left > 0 {
		return n, false, nil
	}
	p.inFrame, p.headLen = false, 0
	if p.op >= opClose {
		return n, false, c.control(p.op, p.ctl[:p.ctlLen])
	}
	if !p.fin {
		return n, false, nil
	}
	p.inMessage = false
	if p.packed {
		return n, true, in.unpacked(in.raw)
	}
	return n, true, in.complete(p.size)
}

// data has payload bytes of a data frame compared.
func (p *parser) data(part []byte, in *inbound) error {
	if len(part) == 0 {
		return nil
	}
	if p.packed {
		if len(in.raw)+len(part) > in.frames.maxPacked() {
			return in.wrong("it is compressed and too long")
		}
		in.raw = append(in.raw, part...)
		return nil
	}
	if err := in.compare(part, p.size); err != nil {
		return err
	}
	p.size += len(part)
	return nil
}

// begin judges a complete header.
func (p *parser) begin(in *inbound) error {
	b0, b1 := p.head[0], p.head[1]
	packed := b0&bitsRSV == bitRSV1 && in.frames != nil && in.frames.unpacker != nil
	if b0&bitsRSV != 0 && !packed {
		return &ProtocolError{"a reserved bit is set and no extension was negotiated"}
	}
	if b1&bitMask != 0 {
		return &ProtocolError{"a frame of the server is masked"}
	}
	length, err := p.length()
	if err != nil {
		return err
	}
	if op := b0 & bitsOp; packed && op != opText && op != opBinary {
		return &ProtocolError{"a frame is marked as compressed that does not begin a message"}
	}
	p.inFrame, p.op, p.fin, p.left = true, b0&bitsOp, b0&bitFin != 0, length
	switch p.op {
	case opClose, opPing, opPong:
		p.ctlLen = 0
		if !p.fin || length > len(p.ctl) {
			return &ProtocolError{"a control frame is fragmented or longer than 125 bytes"}
		}
	case opContinuation:
		if !p.inMessage {
			return &ProtocolError{"a continuation of no message"}
		}
	case opText, opBinary:
		p.packed, in.raw = packed, in.raw[:0]
		return p.beginMessage(in)
	default:
		return &ProtocolError{"an opcode that is reserved"}
	}
	return nil
}

// beginMessage judges the first frame of a message.
func (p *parser) beginMessage(in *inbound) error {
	if p.inMessage {
		return &ProtocolError{"a message begins inside another"}
	}
	p.inMessage, p.size = true, 0
	if in.frames == nil {
		return in.wrong("nobody asked for a message")
	}
	if p.op != in.frames.op {
		return in.wrong("it came as text and was sent as binary, or the other way round")
	}
	return nil
}

// length reads the payload length, which has to be in its shortest form.
func (p *parser) length() (int, error) {
	switch short := p.head[1] & bitsLen; short {
	case 126:
		n := int(binary.BigEndian.Uint16(p.head[2:]))
		if n < 126 {
			return 0, &ProtocolError{"a length is not in its shortest form"}
		}
		return n, nil
	case 127:
		n := binary.BigEndian.Uint64(p.head[2:])
		if n <= 0xffff {
			return 0, &ProtocolError{"a length is not in its shortest form"}
		}
		if n > math.MaxInt32 {
			return 0, &ProtocolError{"a frame of more than 2 GiB"}
		}
		return int(n), nil
	default:
		return int(short), nil
	}
}
