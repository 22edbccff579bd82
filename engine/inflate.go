package engine

import (
	"errors"
	"sync"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/pool"
)

// inflating is how a loop decompresses: one message at a time, whosever it is.
type inflating struct {
	x    *codec.Inflater // made when the first compressed message comes
	loop *loop
	buf  *pool.Buffer // memory of the message
}

var _ codec.Store = (*inflating)(nil)

// Grow lends the memory of the message that comes out.
func (f *inflating) Grow(b []byte, need int) []byte {
	grown := f.loop.ledger.lent.Get(need)
	grown.B = append(grown.B, b...)
	f.drop()
	f.buf = grown
	return grown.B
}

func (f *inflating) drop() {
	if f.buf != nil {
		f.buf.Release()
		f.buf = nil
	}
}

// errShort is a message that comes out although there is no memory for it.
var errShort = &codec.Error{Code: StatusTryAgainLater, Text: "out of memory"}

var errInflatedText = &codec.Error{Code: StatusInvalidPayload, Text: "text is not UTF-8"}

// inflate decompresses a message of c: RFC 7692, 7.2.2. The Buffer that it
// returns is the caller's. It is called on the loop.
func (l *loop) inflate(c *Conn, ev *codec.Event) (*pool.Buffer, error) {
	f := &l.inflating
	if f.x == nil {
		f.x, f.loop = codec.NewInflater(), l
	}
	defer f.drop()
	var w *windows
	var dict []byte
	if c.route.agreement.theirs() {
		w = c.windows()
		dict = w.in.bytes()
	}
	msg, err := f.x.Inflate(f, ev.Data, dict, int64(l.core.MaxMessageBytes))
	if err != nil {
		return nil, err
	}
	if l.weigh() >= levelHard {
		l.shed(false)
		if l.weigh() == levelBrim {
			return nil, errShort
		}
	}
	if ev.Op == codec.OpText && !l.core.SkipUTF8 {
		var text codec.UTF8
		if !text.Valid(msg, true) {
			return nil, errInflatedText
		}
	}
	if w != nil {
		w.in.add(msg, 1<<c.route.agreement.theirBits(), &l.ledger.lent)
	}
	buf := f.buf
	f.buf = nil
	if buf == nil {
		buf = l.ledger.lent.Get(0)
	}
	buf.B = msg
	return buf, nil
}

// inflated hands a compressed message to the handler. owned is its memory, if
// it has some.
func (c *Conn) inflated(l *loop, ev *codec.Event, owned *pool.Buffer) {
	if c.stops.Load()&stopEnd != 0 { // nor will any other be wanted: windows don't count
		if owned != nil {
			owned.Release()
		}
		return
	}
	buf, err := l.inflate(c, ev)
	if owned != nil {
		owned.Release()
	}
	if err != nil {
		if errors.Is(err, errShort) {
			l.count.shed.Add(1)
		}
		c.violated(l, err)
		return
	}
	c.handOver(item{op: opMessage, kind: Kind(ev.Op), last: true, buf: buf, data: buf.B})
}

// inflaters are for frames of ours that are read again, to say what was dropped.
var inflaters = sync.Pool{New: func() any { return codec.NewInflater() }}

// reinflate decompresses a message of ours. ok is false if it refers to others.
func reinflate(packed []byte) (data []byte, ok bool) {
	x := inflaters.Get().(*codec.Inflater)
	defer inflaters.Put(x)
	data, err := x.Inflate(loose{}, packed, nil, 0)
	return data, err == nil
}

// loose lends memory that is left to the garbage collector.
type loose struct{}

func (loose) Grow(b []byte, need int) []byte { return append(make([]byte, 0, need), b...) }
