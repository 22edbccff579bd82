package engine

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/pool"
)

// intake keeps what a connection received until somebody reads it, in place of
// the callbacks: for a Socket, and for a Stream. At intakeBytes the connection's
// socket is not read.
type intake struct {
	conn *Conn

	held  atomic.Int64  // memory of parts; changed with mu held
	since atomic.Uint32 // tick from which on there was always one; likewise

	mu    sync.Mutex // guards the following; held before conn's
	parts []part
	bytes int           // of parts
	end   error         // how the connection ended; nil before
	news  chan struct{} // closed when there is a part, or the end; nil while nobody waits
	deaf  bool          // no further message is wanted: CloseRead
}

// part is a message, or a piece of one.
type part struct {
	kind Kind
	last bool         // of its message
	data []byte       // not read yet
	buf  *pool.Buffer // where data lies; nil once the connection has ended
	held int64        // what it is charged
}

// takeIn has an intake take the messages of c from now on. mu is held, or nobody
// else knows c yet.
func (c *Conn) takeIn() *intake {
	m := c.extend()
	if m.intake == nil {
		m.intake = &intake{conn: c}
		c.stops.Or(stopTaken)
	}
	return m.intake
}

// put takes over what it holds.
func (in *intake) put(it *item) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.end != nil {
		return
	}
	if in.deaf {
		in.conn.shut(&CloseError{Code: StatusPolicyViolation, Reason: "unexpected message"}, frame)
		return
	}
	p := part{kind: it.kind, last: it.last, data: it.data, buf: it.buf}
	if it.buf = nil; p.buf == nil { // it is lent only now
		p.buf = in.conn.loop().ledger.lent.Get(len(p.data))
		p.buf.B = append(p.buf.B, p.data...)
		p.data = p.buf.B
	}
	in.hold(&p)
	in.parts = append(in.parts, p)
	if in.bytes += len(p.data); in.full() {
		in.conn.stop(stopIntake)
	}
	in.tell()
}

// hold charges p for its own part of the memory that it lies in: small messages
// share that. mu is held.
func (in *intake) hold(p *part) {
	p.held = int64(cap(p.data))
	if in.held.Load() == 0 { // since comes first: the loop reads them without mu
		in.since.Store(in.conn.loop().time.Load())
		defer in.conn.mind()
	}
	in.held.Add(p.held)
}

// free gives back the memory of p. mu is held.
func (in *intake) free(p *part) {
	if p.buf != nil {
		in.held.Add(-p.held)
		p.buf.Release()
		p.buf = nil
	}
}

// full reports whether no more is to be read from the socket. mu is held.
func (in *intake) full() bool { return in.bytes >= intakeBytes || len(in.parts) >= intakeParts }

// finish says that nothing more comes. What is there may still be read, and is
// not the engine's memory any more.
func (in *intake) finish(end error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.end != nil {
		return
	}
	in.end = end
	for i := range in.parts {
		p := &in.parts[i]
		p.data = bytes.Clone(p.data)
		in.free(p)
	}
	in.tell()
}

// tell wakes those that wait. mu is held.
func (in *intake) tell() {
	if in.news != nil {
		close(in.news)
		in.news = nil
	}
}

// next waits for the first part and shows it to use, which says how many bytes
// it took, or -1 if it only looked; the part is gone when all were. It returns how the connection ended
// once all was read, ctx's error, or os.ErrDeadlineExceeded.
func (in *intake) next(ctx context.Context, until *deadline, use func(p *part) (took int)) error {
	for {
		if err := waited(ctx, until); err != nil {
			return err
		}
		in.mu.Lock()
		if len(in.parts) > 0 {
			if took := use(&in.parts[0]); took >= 0 {
				in.consume(took)
			}
			in.mu.Unlock()
			return nil
		}
		if in.end != nil {
			in.mu.Unlock()
			return in.end
		}
		if in.news == nil {
			in.news = make(chan struct{})
		}
		news := in.news
		in.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
		case <-until.passed():
		}
	}
}

// consume takes n bytes off the first part. mu is held.
func (in *intake) consume(n int) {
	p := &in.parts[0]
	p.data = p.data[n:]
	in.bytes -= n
	if len(p.data) == 0 {
		in.free(p)
		in.parts[0] = part{}
		if in.parts = in.parts[1:]; len(in.parts) == 0 {
			in.parts = nil
		}
	}
	if !in.full() {
		in.conn.unstop(stopIntake)
	}
}

// leave says that nobody reads any more, and throws away what is there.
func (in *intake) leave() { in.lose(errClosed) }

// lose throws away what is there, and has end be all that is read of it.
func (in *intake) lose(end error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.discard()
	if in.end == nil {
		in.end = end
	}
	in.tell()
}

// discard throws away what is there. mu is held.
func (in *intake) discard() {
	for len(in.parts) > 0 {
		in.consume(len(in.parts[0].data))
	}
}

// waited says why waiting ends, nil if it does not.
func waited(ctx context.Context, until *deadline) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-until.passed():
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// unread is what the intake of c holds, and since when. mu is held.
func (c *Conn) unread() (bytes int64, since uint32) {
	if c.more == nil || c.more.intake == nil {
		return 0, 0
	}
	in := c.more.intake
	return in.held.Load(), in.since.Load()
}

// holdsUnread reports whether the intake of c holds something. mu is held.
func (c *Conn) holdsUnread() bool {
	n, _ := c.unread()
	return n > 0
}

// mind has the loop watch c, which holds something unread, if it does not.
func (c *Conn) mind() {
	c.mu.Lock()
	if !c.watched {
		c.call()
	}
	c.mu.Unlock()
}

// intake is what takes c's messages; nil if its callbacks do.
func (c *Conn) intake() *intake {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil {
		return nil
	}
	return c.more.intake
}

// endOfRead is what a reader is told of the end of a connection: io.EOF if the
// peer said goodbye.
func endOfRead(err error) error {
	end, ok := err.(*CloseError)
	if ok && end.Peer && (end.Code == StatusNormalClosure || end.Code == StatusGoingAway || end.Code == StatusNoStatus) {
		return io.EOF
	}
	return err
}
