package engine

import (
	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// Overflow is what becomes of the messages to a connection that does not keep
// up: its socket takes nothing, and what waits is at MaxBacklogBytes or has
// waited for too long. Control frames are never dropped.
type Overflow uint8

// The zero Overflow is the default: CloseSlow for a connection, and the
// connection's for a subscription.
const (
	// CloseSlow closes the connection with 1013: its peer reads too slowly. No
	// message is lost without the peer being told.
	CloseSlow Overflow = iota + 1
	// DropNewest refuses the message; the sender gets ErrBacklogFull.
	DropNewest
	// DropOldest throws out waiting messages of this policy of which no byte is
	// written, the oldest first, until the new one may enter.
	DropOldest
	// Conflate has only the newest message of each [PublishOptions.Key] wait:
	// the next one goes in its place while no byte of it is written. One for
	// which there is no room is treated as by CloseSlow, so that a subscriber
	// that stays has the newest of every key. It is for subscriptions only.
	Conflate
)

// manner is how a message waits for a socket.
type manner struct {
	overflow Overflow
	kib      uint16 // of MaxBacklogBytes; 0: the connection's
	age      uint32 // ticks that it may wait; 0: any number
}

// bounds are the most bytes and frames that wait when a message enters. 0 bytes:
// any number of both.
func (m manner) bounds(s *settings) (bytes, frames int) {
	if m.kib == 0 {
		return s.MaxBacklogBytes, s.backlogFrames
	}
	bytes = int(m.kib) << 10
	return bytes, max(bytes/minFrameCost, minBacklogFrames)
}

// classes are what an Overflow means to a queue.
var classes = [...]sendq.Class{CloseSlow: sendq.Data, DropNewest: sendq.Lapsing, DropOldest: sendq.Oldest, Conflate: sendq.Latest}

func (m manner) terms(done func(error)) sendq.Terms {
	return sendq.Terms{Class: classes[m.overflow], Age: m.age, Done: done}
}

// manner is how the messages of Send wait.
func (c *Conn) manner() manner {
	s := &c.route.core.settings
	return manner{overflow: s.Overflow, age: s.backlogAge}
}

// laden reports whether what waits is at the bound of m. mu is held.
func (c *Conn) laden(m manner) bool {
	bytes, frames := m.bounds(&c.route.core.settings)
	return bytes > 0 && (c.out.Bytes() >= bytes || c.out.Len() >= frames)
}

// admit decides whether a message, or a fragment of one, may enter the backlog.
// mu is held, and is released if the answer is no.
func (c *Conn) admit(k Kind, data []byte, m manner, whole bool) error {
	if c.state != Open {
		c.mu.Unlock()
		return errClosed
	}
	if c.out == nil || !c.blocked && !c.laden(m) {
		return nil
	}
	return c.makeRoom(k, data, m, whole)
}

// makeRoom is admit for a connection that may not keep up.
func (c *Conn) makeRoom(k Kind, data []byte, m manner, whole bool) error {
	l := c.loop()
	if !c.blocked {
		if c.write(); c.state != Open { // the socket is broken
			c.mu.Unlock()
			return errClosed
		}
	} else if c.out.Expire(l.time.Load(), ErrTimeout, (*witness)(c)) {
		c.tooSlow(l)
		return ErrBacklogFull
	}
	lack := 0 // bytes that the budget has no room for
	if c.blocked && l.weigh() == levelBrim {
		lack = len(data) + minFrameCost
	}
	if lack == 0 && !c.laden(m) {
		return nil
	}
	c.full = true
	if m.overflow == DropNewest {
		return c.refuseNewest(l, k, data, whole)
	}
	for lack > 0 || c.laden(m) {
		if n := c.out.Evict(ErrBacklogFull, (*witness)(c)); n > 0 {
			lack -= n + minFrameCost
			continue
		}
		if m.overflow == DropOldest {
			return c.refuseNewest(l, k, data, whole)
		}
		c.tooSlow(l)
		return ErrBacklogFull
	}
	return nil
}

// refuseNewest drops what was to enter. mu is held, and released.
func (c *Conn) refuseNewest(l *loop, k Kind, data []byte, whole bool) error {
	if whole { // the sender of a fragment may still send it
		l.count.drops[dropNewest].Add(1)
		c.tellDrop(k, data)
	}
	c.mu.Unlock()
	return ErrBacklogFull
}

// tooSlow closes c. mu is held, and released.
func (c *Conn) tooSlow(l *loop) {
	l.count.slow.Add(1)
	c.shutLocked(&CloseError{Code: StatusTryAgainLater, Reason: "too slow", Err: ErrBacklogFull}, frame)
}

// The reasons for which a message of ours is dropped: those of sendq, and ours.
const (
	dropOldest    = int(sendq.Evicted)
	dropConflated = int(sendq.Conflated)
	dropExpired   = int(sendq.Expired)
	dropCleared   = int(sendq.Cleared)
	dropNewest    = sendq.Reasons
	dropCrowded   = sendq.Reasons + 1
	dropShort     = sendq.Reasons + 2
	dropReasons   = sendq.Reasons + 3
)

// witness is a Conn as its queue sees it.
type witness Conn

// Dropped counts a message that its queue threw out, and tells the handler and
// the sender. mu is held.
func (w *witness) Dropped(why sendq.Reason, frame []byte) {
	c := (*Conn)(w)
	c.loop().count.drops[why].Add(1)
	c.call() // the sender is told, and perhaps Drain called
	if c.route.handler.Drop == nil {
		return
	}
	var d codec.Decoder
	d.Reset(&codec.Config{Client: !c.client(), SkipUTF8: true, Deflate: true}, nil) // the peer's
	ev, _, err := d.Next(frame)
	if ev.Compressed {
		data, ok := reinflate(ev.Data)
		if !ok {
			return // it refers to messages before it: only those whose connection ends
		}
		ev.Data = data
	}
	if err != nil || ev.Kind != codec.Message {
		panic("engine: a frame of ours can't be decoded")
	}
	c.tellDrop(Kind(ev.Op), ev.Data)
}

// tellDrop has the handler's Drop called with a copy of data, unless memory is
// short, or so many callbacks, or bytes of such messages, wait that telling
// would itself be without bound. mu is held, so that nothing comes behind
// Close.
func (c *Conn) tellDrop(k Kind, data []byte) {
	co := c.route.core
	if c.route.handler.Drop == nil || c.line.Depth() > 4*co.StrandDepth || co.budget.now() >= levelSoft {
		return
	}
	untold := &c.loop().untold
	if untold.Add(int64(len(data))) > maxUntoldBytes {
		untold.Add(-int64(len(data)))
		return
	}
	buf := c.loop().ledger.lent.Get(len(data))
	buf.B = append(buf.B, data...)
	it := item{op: opDrop, kind: k, buf: buf, data: buf.B}
	if !c.post(it) {
		c.told(&it)
		it.giveUp()
	}
}

// told takes a message that Drop was told of, or never will be, off the account
// of those that wait for it.
func (c *Conn) told(it *item) { c.loop().untold.Add(-int64(len(it.data))) }
