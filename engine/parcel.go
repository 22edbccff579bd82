package engine

import (
	"encoding/binary"

	"github.com/weirws/weir/pool"
)

// parcel is the small messages of one read on their way to a worker: they are
// copied one behind the other into memory that they share, and are one push. To
// get memory, or to push, costs as much as to decode a message. It is owned by
// the loop.
//
// Before each of them are two bytes: bits 2 to 15 its length, bit 1 whether it is
// the last piece of a message, bit 0 its Kind less Text.
type parcel struct {
	conn *Conn
	buf  *pool.Buffer // nil: nothing is in it
	n    int          // how many are in it
	most int          // how many may be
}

const parcelHead = 2

// takes copies b, which is valid only now, if it is small and others follow or
// went before it in the same read. Until handParcel nobody else has it.
func (p *parcel) takes(l *loop, c *Conn, k Kind, last bool, b []byte) bool {
	size := parcelHead + len(b)
	if len(b) > parcelMax || p.buf == nil && l.ahead == 0 {
		return false
	}
	if p.buf != nil && cap(p.buf.B)-len(p.buf.B) < size {
		l.handParcel()
	}
	if p.buf == nil {
		p.begin(l, c, size)
	}
	head := uint16(len(b))<<2 | uint16(k-Text)
	if last {
		head |= 2
	}
	p.buf.B = append(binary.LittleEndian.AppendUint16(p.buf.B, head), b...)
	if p.n++; p.n >= p.most {
		l.handParcel()
	}
	return true
}

// begin gets memory for a message that takes size bytes and for what follows it.
func (p *parcel) begin(l *loop, c *Conn, size int) {
	p.conn, p.n = c, 0
	p.buf = l.ledger.lent.Get(min(size+l.ahead, parcelBytes))
	p.most = c.route.core.StrandDepth - c.line.Depth() // then throttle stops
	if l.weigh() >= levelSoft {                        // and at two, or one
		p.most = 1
	}
}

// handParcel gives what the parcel has in it to the strand.
func (l *loop) handParcel() {
	p := &l.parcel
	if p.buf == nil {
		return
	}
	c, n, it := p.conn, p.n, item{op: opMessage, many: true, buf: p.buf, data: p.buf.B}
	*p = parcel{}
	c.push(it, n)
}

// next takes the first message out of a parcel.
func (it *item) next() (k Kind, last bool, b []byte) {
	head := binary.LittleEndian.Uint16(it.data)
	end := parcelHead + int(head>>2)
	b, it.data = it.data[parcelHead:end:end], it.data[end:]
	return Text + Kind(head&1), head&2 != 0, b
}
