package engine

import "github.com/weirws/weir/pool"

// copyOf copies b, which is valid only now, for a worker, and returns the copy and
// the memory that it lies in, of which the caller is a holder. Small messages of one
// read lie in the same: to get memory costs as much as to decode a message. Until
// leaveShared the loop holds it too, and writes behind what it has copied, which
// nobody else looks at.
func (l *loop) copyOf(b []byte) (*pool.Buffer, []byte) {
	buf := l.shared
	if len(b) > sharedMax || buf == nil && l.ahead == 0 {
		buf = l.ledger.lent.Get(len(b))
		buf.B = append(buf.B, b...)
		return buf, buf.B
	}
	if buf == nil || cap(buf.B)-len(buf.B) < len(b) {
		l.leaveShared()
		buf = l.ledger.lent.Get(min(len(b)+l.ahead, sharedBytes))
		l.shared = buf
	}
	at := len(buf.B)
	buf.B = append(buf.B, b...)
	return buf.Retain(), buf.B[at:len(buf.B):len(buf.B)]
}

// leaveShared leaves what copyOf copied to those that hold it.
func (l *loop) leaveShared() {
	if l.shared != nil {
		l.shared.Release()
		l.shared = nil
	}
}
