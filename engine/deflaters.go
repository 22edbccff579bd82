package engine

import (
	"sync"

	"github.com/weirws/weir/codec"
)

// deflaters are the compressors of a core. Whoever sends compresses, on its own
// goroutine and before it takes the connection's lock; since that is nothing but
// computing, no more of them are made than there are cores, and who finds none
// waits for another to be done. It may be waited for with the lock of a context
// held, never with a connection's.
type deflaters struct {
	level, most int

	mu    sync.Mutex // guards the following
	home  sync.Cond  // one came back
	lent  int
	spare []*deflater
	asked func(bits int) // for tests: is told of each get
}

// deflater compresses for one connection at a time.
type deflater struct {
	*codec.Deflater
	bits int
	out  []byte // what came out last
}

func (d *deflaters) init(level, most int) {
	d.level, d.most = level, most
	d.home.L = &d.mu
}

// get lends a deflater of a window.
func (d *deflaters) get(bits int) *deflater {
	d.mu.Lock()
	for d.lent >= d.most {
		d.home.Wait()
	}
	d.lent++
	if d.asked != nil {
		d.asked(bits)
	}
	for i := len(d.spare) - 1; i >= 0; i-- {
		if x := d.spare[i]; x.bits == bits {
			d.spare = append(d.spare[:i], d.spare[i+1:]...)
			d.mu.Unlock()
			return x
		}
	}
	if d.lent+len(d.spare) > d.most { // one of another window makes room
		d.spare = append(d.spare[:0], d.spare[1:]...)
	}
	d.mu.Unlock()
	return &deflater{Deflater: codec.NewDeflater(bits, d.level), bits: bits}
}

// put takes a deflater back.
func (d *deflaters) put(x *deflater) {
	if cap(x.out) > keptDeflated {
		x.out = nil
	}
	d.mu.Lock()
	d.lent--
	d.spare = append(d.spare, x)
	d.mu.Unlock()
	d.home.Signal()
}

// deflate compresses data, which may refer to dict. It returns nil if that does
// not make it shorter. The result is valid until the deflater is used again.
func (x *deflater) deflate(data, dict []byte) []byte {
	out, err := x.Append(x.out[:0], data, dict)
	x.out = out[:0]
	if err != nil || len(out) >= len(data) { // an error would be a fault of the compressor: nothing is lost
		return nil
	}
	return out
}
