package engine

import (
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// sendAgreed is send on a connection that may compress.
func (c *Conn) sendAgreed(k Kind, data []byte, o SendOptions) error {
	if o.More || !o.Compress.wants(len(data), c.route.core) {
		c.mu.Lock()
		_, err := c.commit(k, data, nil, o)
		return err
	}
	if c.route.agreement.ours() {
		return c.sendChained(k, data, o)
	}
	x := c.route.core.deflaters.get(c.route.agreement.ourBits())
	defer c.route.core.deflaters.put(x)
	packed := x.deflate(data, nil)
	c.mu.Lock()
	_, err := c.commit(k, data, packed, o)
	return err
}

// sendChained sends a message that may refer to those before.
func (c *Conn) sendChained(k Kind, data []byte, o SendOptions) error {
	w := c.windows()
	w.mu.Lock()
	defer w.mu.Unlock()
	c.mu.Lock()
	foreign := w.foreign
	c.mu.Unlock()
	if w.met != foreign { // the peer's window ends with what we don't have
		w.met = foreign
		w.out.drop()
	}
	x := c.route.core.deflaters.get(c.route.agreement.ourBits())
	defer c.route.core.deflaters.put(x)
	packed := x.deflate(data, w.out.bytes())
	c.mu.Lock()
	if w.foreign != foreign { // a publication came between: RFC 7692, 6, lets any message go as it is
		packed = nil
	}
	if packed != nil {
		w.holds, w.used = true, c.loop().time.Load()
	}
	sent, err := c.commit(k, data, packed, o)
	if sent {
		w.out.add(data, 1<<c.route.agreement.ourBits(), &c.loop().ledger.lent)
	}
	return err
}

// commitForeign is commit of a message that was compressed for many. mu is held,
// and released.
func (c *Conn) commitForeign(k Kind, data, packed []byte) error {
	if packed != nil { // though it may go as it is
		c.sentForeign()
	}
	_, err := c.commit(k, data, packed, SendOptions{})
	return err
}

// deflated are the compressed forms of a message for many connections: one for
// each window, made when the first connection asks for it. They refer to nothing
// but themselves. It may be used from any goroutine.
type deflated struct {
	refs  atomic.Int32 // who holds them; counts where their memory is lent
	mu    sync.Mutex   // held while one is made: the others wait for it
	forms [codec.MaxWindowBits + 1]form
}

// form is one of them.
type form struct {
	made   bool
	packed bool         // it is compressed
	frame  []byte       // as a server sends it; nil: it would not be shorter
	head   int          // length of its header
	buf    *pool.Buffer // where it lies; nil: on the heap
}

func (f *form) payload() []byte { return f.frame[f.head:] }

// get returns the form of data for a connection of co, nil if that is data
// itself. Its memory is lent on a, or of the heap if a is nil. Conn.mu is not held.
func (d *deflated) get(co *core, bits int, k Kind, data []byte, a *pool.Account) *form {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &d.forms[bits]
	if !f.made {
		f.made = true
		x := co.deflaters.get(bits)
		defer co.deflaters.put(x)
		if packed := x.deflate(data, nil); packed != nil {
			f.packed, f.head = true, codec.HeaderLen(len(packed), false)
			if a == nil {
				f.frame = make([]byte, 0, f.head+len(packed))
			} else {
				f.buf = a.Get(f.head + len(packed))
				f.frame = f.buf.B
			}
			f.frame = codec.AppendHeader(f.frame, codec.OpCode(k), true, true, len(packed), nil)
			f.frame = append(f.frame, packed...)
			if a != nil {
				f.buf.B = f.frame
			}
		}
	}
	if f.frame == nil {
		return nil
	}
	return f
}

// retain adds a holder; d may be nil.
func (d *deflated) retain() {
	if d != nil {
		d.refs.Add(1)
	}
}

// release takes a holder off. The last one gives the memory back.
func (d *deflated) release() {
	if d == nil || d.refs.Add(-1) > 0 {
		return
	}
	for i := range d.forms {
		if b := d.forms[i].buf; b != nil {
			b.Release()
		}
		d.forms[i] = form{}
	}
}
