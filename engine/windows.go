package engine

import (
	"sync"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// windows are what a connection keeps of its last messages because the next
// compressed ones may refer to them: RFC 7692, 7.1.1. The peer has the same.
type windows struct {
	in window // of what the peer sent; owned by the loop

	// mu is held while a message is compressed and queued, so that they are
	// queued in the order in which they refer to each other. It is taken before
	// Conn.mu.
	mu  sync.Mutex
	out window // of what was sent; guarded by mu
	met uint32 // foreign when out was begun; guarded by mu

	// Guarded by Conn.mu.
	// foreign counts compressed messages that are in the peer's window and not
	// in out: those that were compressed for many connections.
	foreign uint32
	// holds is true while out is not empty, used the tick of its last use.
	holds bool
	used  uint32
}

// window is the end of what was sent in one direction.
type window struct {
	buf *pool.Buffer // nil: empty
}

func (w *window) bytes() []byte {
	if w.buf == nil {
		return nil
	}
	return w.buf.B
}

// size is the memory that w holds.
func (w *window) size() int {
	if w.buf == nil {
		return 0
	}
	return cap(w.buf.B)
}

// add puts msg at the end of a window of most bytes, whose memory is charged
// to a.
func (w *window) add(msg []byte, most int, a *pool.Account) {
	if need := min(len(w.bytes())+len(msg), most); need > w.size() {
		grown := a.Get(need) // a power of two, as most is
		grown.B = append(grown.B, w.bytes()...)
		w.drop()
		w.buf = grown
	}
	if w.buf != nil {
		w.buf.B = codec.AppendWindow(w.buf.B, msg, most)
	}
}

// drop gives the memory back.
func (w *window) drop() {
	if w.buf != nil {
		w.buf.Release()
		w.buf = nil
	}
}

// windows returns those of c, nil if it has none. They are made before c is open,
// and stay.
func (c *Conn) windows() *windows {
	if c.route.agreement&(agreedOurs|agreedTheirs) == 0 {
		return nil
	}
	return c.extra().windows
}

// sentForeign notes that c was sent a compressed message which is not in its
// window. mu is held.
func (c *Conn) sentForeign() {
	if c.route.agreement.ours() {
		c.more.windows.foreign++
	}
}

// windowed reports whether c holds the window of what it sent. mu is held.
func (c *Conn) windowed() bool {
	return c.route.agreement.ours() && c.more != nil && c.more.windows != nil && c.more.windows.holds
}

// windowBytes is what c holds in windows, at most. It is called on the loop with
// mu held.
func (c *Conn) windowBytes() (n int) {
	if c.route.agreement&(agreedOurs|agreedTheirs) == 0 || c.more == nil || c.more.windows == nil {
		return 0
	}
	if c.windowed() {
		n = 1 << c.route.agreement.ourBits()
	}
	return n + c.more.windows.in.size()
}

// weary gives the window of what c sent back if it was not used for long, or if
// memory is short. It is called on the loop with mu held.
func (c *Conn) weary(l *loop) {
	if !c.windowed() {
		return
	}
	w := c.more.windows
	if !l.strained && l.now-w.used < wearyTicks || !w.mu.TryLock() {
		return // it is being used
	}
	w.holds = false
	w.out.drop()
	w.mu.Unlock()
}

// end gives all memory back. It is called on the loop, once no more is sent.
func (w *windows) end() {
	w.in.drop()
	w.mu.Lock()
	w.out.drop()
	w.mu.Unlock()
}
