package pool

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// Buffer is lent memory with a count of those who hold it. Get lends it to one holder; Retain adds
// one, Release takes one off, and the last Release sends it home.
//
// The bytes belong to the holders together: a Buffer that has one holder may be written to by it,
// one that is shared is read only. Retain and Release may be called from any goroutine. After its
// own Release a holder touches neither the Buffer nor any slice of B: the memory is another's by
// then.
//
// Buffer: 56 bytes = 24 B + 8 mem + 8 account + 8 charge + 4 refs + 1 class + 1 tally + 2 padding.
type Buffer struct {
	// B is the lent memory: empty after Get, with at least the capacity that was asked for. A sole
	// holder may append to it, reslice it and let it grow; what it grew into then goes home with
	// it. It never holds memory that is anyone else's.
	B []byte

	mem     *bytebufferpool.ByteBuffer // the memory lent, whatever became of B; nil: oversize
	account *Account                   // that it is charged to; nil: to none
	charge  int                        // bytes charged
	refs    atomic.Int32               // holders; 0: home
	class   uint8                      // of mem
	tally   uint8                      // the counter that it is counted by; never changes
}

// headers are the Buffers that are home, without their memory.
var headers = sync.Pool{New: func() any { return newHeader() }}

// Get returns a Buffer with one holder, the caller, an empty B and cap(B) at least n. It may be
// called from any goroutine, never blocks, and allocates nothing while buffers of that size are
// home. The bytes within the capacity are not zeroed. It panics when n is negative.
func Get(n int) *Buffer {
	if n < 0 {
		panic("pool: Get of a negative size")
	}
	b := header()
	b.class = classFor(n)
	if b.class == oversize {
		b.B = make([]byte, 0, n)
	} else {
		b.mem = lend(b.class)
		b.B = b.mem.B[:0]
	}
	b.refs.Store(1)
	tallies[b.tally].out.Add(1)
	return b
}

// header returns a Buffer without memory. With Invariants no Buffer is ever lent twice, so that a
// stale pointer stays stale: its Release or Retain panics however late it comes.
func header() *Buffer {
	if Invariants {
		return newHeader()
	}
	return headers.Get().(*Buffer)
}

// Retain adds a holder and returns b. The caller holds b already, or is sure that someone does for
// as long as the call lasts. It may be called from any goroutine and never blocks. It panics when
// nobody holds b.
func (b *Buffer) Retain() *Buffer {
	if b.refs.Add(1) <= 1 {
		panic("pool: retain of a free buffer")
	}
	return b
}

// Release takes the caller off b's holders, who must not touch b or its bytes again. The last one's
// Release sends the memory home. It may be called from any goroutine and never blocks. It panics
// when nobody holds b, which is certain until b is lent again, and always with Invariants.
func (b *Buffer) Release() {
	n := b.refs.Add(-1)
	if n > 0 {
		return
	}
	if n < 0 {
		panic("pool: release of a free buffer")
	}
	b.sendHome()
}

// sendHome returns b's memory and b itself.
func (b *Buffer) sendHome() {
	grown, mem, c, tally := b.B, b.mem, b.class, b.tally
	b.B, b.mem = nil, nil
	b.settleAccount()
	poison(grown)
	if mem != nil {
		poison(mem.B)
		keep(settle(c, mem, grown))
	}
	if !Invariants {
		headers.Put(b)
	}
	tallies[tally].out.Add(-1)
}

// settle returns mem of class c, or with what its buffer grew into in its place if that is of a
// larger class.
func settle(c uint8, mem *bytebufferpool.ByteBuffer, grown []byte) (uint8, *bytebufferpool.ByteBuffer) {
	if cap(grown) < 2*classBytes(c) || cap(grown) > classBytes(oversize-1) {
		return c, mem
	}
	c = classIn(cap(grown))
	mem.B = grown[:0:classBytes(c)]
	return c, mem
}
