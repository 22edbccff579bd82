package engine

import (
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// Topic sends messages to the connections that subscribe to it, those of
// several Servers and Clients included. The zero Topic is ready to use; a Topic
// must not be copied. Its methods may be called from any goroutine and don't
// block.
//
// A message is encoded once. Messages that one goroutine publishes arrive in
// the order of the calls; messages to one connection that are published, or
// published and sent, in quick succession leave in one write. A subscriber gets
// what is published once Subscribe has returned, and nothing that was published
// before it was called. A message waits for the turn of a subscriber's loop: one
// that is sent to the subscriber by [Conn.Send] after the call of Publish may be
// there first.
type Topic struct {
	// Gained and Lost, if not nil, are called when the topic has a first
	// subscriber, and when it has none again: in turn, one at a time, on a
	// worker, where they may block. A change that is undone before its turn
	// comes is not told. They are set before the topic is used; those of
	// [Server.Topic] are in [Options].
	Gained, Lost func(t *Topic)

	name string
	home *names // nil for a topic without a name

	n       atomic.Int64
	dropped atomic.Uint64
	shards  atomic.Pointer[shard] // the first of a list; those of one core follow each other
	mu      sync.Mutex            // guards changes of the list, and the following
	// told is what the hooks were told last: that there are subscribers. telling
	// is true while a worker tells them.
	told, telling bool
}

// SubscribeOptions are what one subscription may ask for.
type SubscribeOptions struct {
	// Overflow is what becomes of the topic's messages when the subscriber does
	// not keep up; that of its [Options].
	Overflow Overflow
	// MaxAge bounds how long a message of the topic waits for the subscriber's
	// socket, as [Options.MaxBacklogAge] does, which is the default. Negative:
	// none.
	MaxAge time.Duration
	// MaxBacklogBytes bounds what waits for the subscriber's socket when a
	// message of the topic is to enter, as that of [Options] does, which is the
	// default. It counts in KiB, rounded up, and is below 64 MiB.
	MaxBacklogBytes int
}

// manner is how messages of a subscription of c wait, or what is wrong with o.
func (o SubscribeOptions) manner(c *Conn) (m manner, err error) {
	if o.Overflow > Conflate {
		return m, fmt.Errorf("engine: subscribe: Overflow is %d; it is CloseSlow, DropNewest, DropOldest or Conflate", o.Overflow)
	}
	if o.MaxBacklogBytes < 0 || o.MaxBacklogBytes > maxMannerKiB<<10 {
		return m, fmt.Errorf("engine: subscribe: MaxBacklogBytes is %d; it is from 0 to %d", o.MaxBacklogBytes, maxMannerKiB<<10)
	}
	m = c.manner()
	m.kib = uint16((o.MaxBacklogBytes + 1<<10 - 1) >> 10)
	m.overflow = or(o.Overflow, m.overflow)
	if o.MaxAge != 0 {
		m.age = ticks(max(o.MaxAge, 0))
	}
	return m, nil
}

// Subscribe is SubscribeWith without options, for a handler's Open. For a
// connection that subscribes already it does nothing.
func (t *Topic) Subscribe(c *Conn) { _ = t.subscribe(c, c.manner(), false) } // c learns of its end by itself

// SubscribeWith adds c, or gives its subscription other options if it has one:
// they are for what is published from then on. A closed connection leaves by
// itself, and is not added: that returns net.ErrClosed. One that would have
// more than [Options.MaxTopics] is closed with 1008. Other errors say what is
// wrong with o. It may be called from any goroutine and does not block.
func (t *Topic) SubscribeWith(c *Conn, o SubscribeOptions) error {
	m, err := o.manner(c)
	if err != nil {
		return err
	}
	return t.subscribe(c, m, true)
}

// subscribe adds c. m is for a subscription that there is already only if
// change is true.
func (t *Topic) subscribe(c *Conn, m manner, change bool) error {
	l := c.loop()
	s := &subscription{conn: c, shard: t.shardFor(l), since: l.made.Load(), manner: m}
	if added, err := c.addSubscription(s, change); !added {
		return err
	}
	// A shard's lock is taken before a connection's: not while that is held. An
	// Unsubscribe, or the end of c, that comes in between wins.
	if s.shard.Add(s) && t.n.Add(1) == 1 {
		t.changed(s.shard.loop.core)
	}
	return nil
}

// Unsubscribe removes c, if it subscribes: nothing that is published reaches it
// from then on.
func (t *Topic) Unsubscribe(c *Conn) {
	if sh := t.shardOn(c.loop()); sh != nil {
		if s := c.removeSubscription(sh); s != nil {
			s.leave()
		}
	}
}

// Name is what [Server.Topic] was called with, "" for other topics.
func (t *Topic) Name() string { return t.name }

// Len is the number of subscribers.
func (t *Topic) Len() int { return int(t.n.Load()) }

// Dropped counts the messages that subscribers did not get for this topic's
// publications: those themselves, and waiting ones, of whichever topic, that had
// to go for them.
func (t *Topic) Dropped() uint64 { return t.dropped.Load() }

// Conns yields the subscribers, in no particular order. Those that come or go
// meanwhile may be yielded or not.
func (t *Topic) Conns() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for sh := range t.all {
			for _, s := range sh.Append(nil) {
				if !yield(s.conn) {
					return
				}
			}
		}
	}
}

func (t *Topic) has(c *Conn) bool {
	sh := t.shardOn(c.loop())
	if sh == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs != nil && c.subs.find(sh) != nil
}

// all yields the topic's shards. Those of one core follow each other.
func (t *Topic) all(yield func(*shard) bool) {
	for sh := t.shards.Load(); sh != nil && yield(sh); sh = sh.next.Load() {
	}
}

// shardOn returns the topic's shard on l, nil if there is none.
func (t *Topic) shardOn(l *loop) *shard {
	for sh := range t.all {
		if sh.loop == l {
			return sh
		}
	}
	return nil
}

// shardFor returns the topic's shard on l, made on demand.
func (t *Topic) shardFor(l *loop) *shard {
	if sh := t.shardOn(l); sh != nil {
		return sh
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if sh := t.shardOn(l); sh != nil {
		return sh
	}
	t.prune()
	made, at := &shard{topic: t, loop: l}, &t.shards
	for sh := range t.all {
		if sh.loop.core == l.core {
			at = &sh.next
			break
		}
	}
	made.next.Store(at.Load())
	at.Store(made)
	return made
}

// forget is prune for who does not hold mu.
func (t *Topic) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prune()
}

// prune takes the shards of closed engines off the list: a topic may outlive
// any number of them. mu is held. Who is at such a shard still finds the rest of
// the list behind it.
func (t *Topic) prune() {
	at := &t.shards
	for sh := range t.all {
		if sh.loop.dead.Load() && sh.Len() == 0 {
			at.Store(sh.next.Load())
			continue
		}
		at = &sh.next
	}
}
