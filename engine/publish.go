package engine

import (
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
	"github.com/weirws/weir/pool"
)

// PublishOptions are what one publication may ask for.
type PublishOptions struct {
	// Except, if not nil, is a connection that does not get the message: the
	// sender, mostly.
	Except *Conn
	// Key says which messages of the topic replace each other for those that
	// subscribe with [Conflate]: those of the same Key. All without one have
	// the same.
	Key string
	// Compress says whether the message is compressed for those who have agreed
	// on it, once for each size of window; CompressAuto.
	Compress Compress
}

// Publish queues a message for every subscriber and returns for how many. data
// is copied, once. What happens to a subscriber that does not keep up is said
// by the Overflow of its subscription, or of its [Options]. Where a loop has
// maxPosts publications or maxPostBytes to make already, its subscribers miss
// this one, which is counted as dropped.
func (t *Topic) Publish(k Kind, data []byte) (queued int) {
	return t.publish(k, data, PublishOptions{})
}

// PublishFrom is Publish to every subscriber but c.
func (t *Topic) PublishFrom(c *Conn, k Kind, data []byte) (queued int) {
	return t.publish(k, data, PublishOptions{Except: c})
}

// PublishWith is Publish with options.
func (t *Topic) PublishWith(k Kind, data []byte, o PublishOptions) (queued int) {
	return t.publish(k, data, o)
}

func (t *Topic) publish(k Kind, data []byte, o PublishOptions) (queued int) {
	if !k.valid() {
		return 0
	}
	return t.send(k, data, o, nil)
}

// send publishes a message: to the subscribers of this process, for which there
// may be kept places, and beyond it.
func (t *Topic) send(k Kind, data []byte, o PublishOptions, kept places) (queued int) {
	queued = t.spread(k, data, o, &kept)
	kept.giveBack(frameBytes(data))
	if r := t.link(); r != nil {
		r.publish(t, k, data, o.Key)
	}
	return queued
}

// spread gives a message to the subscribers of this process.
func (t *Topic) spread(k Kind, data []byte, o PublishOptions, kept *places) (queued int) {
	if t.n.Load() == 0 {
		if sh := t.shards.Load(); sh != nil && sh.loop.dead.Load() {
			t.forget()
		}
		return 0
	}
	p := post{head: codec.HeaderLen(len(data), false), kind: k, key: sendq.Key{Of: t, Name: o.Key}, at: time.Now()}
	if o.Except != nil && t.has(o.Except) {
		p.except = o.Except
	}
	ended := false // an engine of subscribers
	for sh := range t.all {
		n := sh.Len()
		if p.except != nil && p.except.loop() == sh.loop {
			n--
		}
		if n <= 0 {
			ended = ended || sh.loop.dead.Load()
			continue
		}
		if p.shard == nil || p.shard.loop.core != sh.loop.core {
			p.encode(sh.loop, data, o.Compress) // once for each Server that holds it
		}
		p.shard = sh
		p.members = n
		if why := sh.loop.post(&p, kept.take(sh.loop)); why >= 0 {
			sh.loop.count.drops[why].Add(uint64(n))
			t.dropped.Add(uint64(n))
			continue
		}
		queued += n
	}
	p.release()
	if ended {
		t.forget()
	}
	return queued
}

// post is one publication to the subscribers of one loop.
type post struct {
	shard  *shard
	buf    *pool.Buffer // the frame; the post holds a reference
	forms  *deflated    // the same compressed, likewise; nil: it is not to be
	head   int          // length of its header
	kind   Kind
	except *Conn
	key    sendq.Key
	at     time.Time   // of the call of Publish
	done   func(error) // of SendOptions, if it is no publication

	number        uint64 // of the loop's posts
	members       int    // of shard, when it was posted
	delivered     uint64
	lost          uint64 // messages that had to go for this one, and it itself
	frames, bytes uint64 // written straight to sockets
	flushed       uint64 // how many connections the loop will have flushed when it is written

	// The form that is not compressed, and the one that was taken last, with its
	// window. Owned by the loop.
	asIs form
	last *form
	bits int
}

func (p *post) payload() []byte { return p.buf.B[p.head:] }

func (p *post) retain() {
	p.buf.Retain()
	p.forms.retain()
}

func (p *post) release() {
	if p.buf != nil {
		p.buf.Release()
	}
	p.forms.release()
}

// encode makes the frame, which is charged to l.
func (p *post) encode(l *loop, data []byte, compress Compress) {
	p.release()
	p.forms = nil
	if co := l.core; co.Compression != CompressionOff && compress.wants(len(data), co) {
		p.forms = new(deflated)
		p.forms.retain()
	}
	p.buf = l.ledger.lent.Get(p.head + len(data))
	p.buf.B = codec.AppendHeader(p.buf.B, codec.OpCode(p.kind), true, false, len(data), nil)
	p.buf.B = append(p.buf.B, data...)
	p.asIs = form{frame: p.buf.B, head: p.head, buf: p.buf}
}

// as is the form that c is sent. c.mu is not held.
func (p *post) as(l *loop, c *Conn) *form {
	if p.forms == nil || c.route.agreement == 0 {
		return &p.asIs
	}
	if bits := c.route.agreement.ourBits(); p.bits != bits {
		p.bits, p.last = bits, &p.asIs
		if f := p.forms.get(l.core, bits, p.kind, p.payload(), &l.ledger.lent); f != nil {
			p.last = f
		}
	}
	return p.last
}

// give gives the frame to the connection of s, or to its queue.
func (p *post) give(l *loop, s *subscription, alone bool) bool {
	c, f := s.conn, p.as(l, s.conn)
	c.mu.Lock()
	if s.left || c.state != Open || p.number < s.since {
		c.mu.Unlock()
		return false
	}
	if c.fragmented {
		return p.holdBack(l, c, s.manner)
	}
	if alone && c.out == nil && c.ready() {
		ok := p.straight(c, f, s.manner)
		c.mu.Unlock()
		return ok
	}
	keyed, before := p.keyed(c, s.manner), c.dropped()
	if (!keyed || !p.replaces(c, c.out, f, s.manner)) && c.admit(p.kind, p.payload(), s.manner, true) != nil {
		p.lost++
		return false
	}
	p.enter(c, f, s.manner, keyed)
	if now := c.dropped(); now > before { // less: the queue was emptied, and is another
		p.lost += uint64(now - before)
	}
	switch {
	case c.blocked:
		c.swell()
	case !c.queued:
		c.queued = true
		l.flush = append(l.flush, c)
	}
	c.mu.Unlock()
	return true
}

// dropped counts what the queue has dropped since c has it. mu is held.
func (c *Conn) dropped() uint32 {
	if c.out == nil {
		return 0
	}
	return c.out.Dropped()
}

// ready reports whether the loop may write to c, which is open, at once. mu is
// held.
func (c *Conn) ready() bool {
	return !c.blocked && !c.broken && c.slot >= 0 && !c.client()
}

// straight writes the frame to the socket, of which nothing waits, and queues
// what the socket did not take. mu is held.
func (p *post) straight(c *Conn, f *form, m manner) bool {
	b := f.frame
	n, err := c.sendBytes(b)
	p.bytes += uint64(n)
	switch {
	case err != nil:
		c.failed(err)
		return false
	case n == len(b):
		p.frames++
		if f.packed {
			c.sentForeign()
		}
		return true
	case n == 0:
		p.enter(c, f, m, p.keyed(c, m))
	default:
		if f.packed {
			c.sentForeign()
		}
		c.queue().ShareBegun(f.buf.Retain(), b[n:])
	}
	c.block()
	return true
}

// keyed reports whether the frame is one of which only the newest waits. When
// memory is short, that is any with a key to one who may lose some.
func (p *post) keyed(c *Conn, m manner) bool {
	if m.overflow == Conflate {
		return true
	}
	return p.key.Name != "" && m.overflow != CloseSlow && c.route.core.budget.now() >= levelSoft
}

// replaces reports whether the frame may go in the place of one that waits in q:
// if it needs no more room than that, or if there is room besides. mu is held.
func (p *post) replaces(c *Conn, q *sendq.Queue, f *form, m manner) bool {
	if q == nil {
		return false
	}
	was := q.Waits(p.key)
	if was == 0 || len(f.frame) <= was {
		return was > 0
	}
	limit, _ := m.bounds(&c.route.core.settings)
	return c.route.core.budget.now() < levelBrim && (limit == 0 || q.Bytes()-was < limit)
}

// enter queues the frame for c, in the place of one of its key if it is keyed.
// mu is held.
func (p *post) enter(c *Conn, f *form, m manner, keyed bool) {
	if f.packed {
		c.sentForeign()
	}
	p.share(c.loop(), c, c.queue(), f, m, keyed)
}

// share adds the frame to a queue of c. mu is held.
func (p *post) share(l *loop, c *Conn, q *sendq.Queue, f *form, m manner, keyed bool) {
	buf := f.buf
	if c.client() {
		buf = p.masked(l, f)
	} else {
		buf.Retain()
	}
	if keyed {
		q.ShareKeyed(p.key, buf, buf.B, m.terms(nil), (*witness)(c))
		return
	}
	q.Share(buf, buf.B, m.terms(p.done))
}

// masked returns the frame as a client sends it: with a mask of its own.
func (p *post) masked(l *loop, f *form) *pool.Buffer {
	mask, payload := newMask(), f.payload()
	buf := l.ledger.lent.Get(codec.HeaderLen(len(payload), true) + len(payload))
	buf.B = codec.AppendHeader(buf.B, codec.OpCode(p.kind), true, f.packed, len(payload), &mask)
	at := len(buf.B)
	buf.B = append(buf.B, payload...)
	codec.Mask(buf.B[at:], mask, 0)
	return buf
}
