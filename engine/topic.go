package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/hub"
	"github.com/weirws/weir/engine/internal/sendq"
	"github.com/weirws/weir/pool"
)

// Topic sends messages to the connections that subscribe to it, those of
// several Servers and Clients included. The zero Topic is ready to use; a Topic
// must not be copied. Its methods may be called from any goroutine and don't
// block.
//
// A message is encoded once. Messages that one goroutine publishes arrive in
// the order of the calls; messages to one connection that are published, or
// published and sent, in quick succession leave in one write.
type Topic struct {
	mu     sync.Mutex // guards changes of shards
	shards atomic.Pointer[[]shard]
	n      atomic.Int64
}

// shard holds the subscribers of one topic on one loop.
type shard struct {
	loop *loop
	*hub.Shard[*Conn]
}

// subscription is one topic of a connection.
type subscription struct {
	topic  *Topic
	shard  shard
	member hub.Member[*Conn]
}

// subscriptions are the topics of a connection, guarded by its lock.
type subscriptions struct {
	list []*subscription
}

// Subscribe adds c; once is enough, and a second time does nothing. A closed
// connection leaves by itself, and is not added. One that would have more than
// [Options.MaxTopics] is closed with 1008.
func (t *Topic) Subscribe(c *Conn) {
	s := &subscription{topic: t, shard: t.shardFor(c.loop()), member: hub.Member[*Conn]{Owner: c}}
	if !c.addSubscription(s) {
		return
	}
	// A shard's lock is taken before a connection's: not while that is held. An
	// Unsubscribe, or the end of c, that comes in between wins.
	if s.shard.Add(&s.member) {
		t.n.Add(1)
	}
}

// addSubscription notes s, and reports whether it is new.
func (c *Conn) addSubscription(s *subscription) bool {
	c.mu.Lock()
	if c.state != Open || c.subs != nil && c.subs.find(s.topic) >= 0 {
		c.mu.Unlock()
		return false
	}
	if c.subs == nil {
		c.subs = new(subscriptions)
	}
	if limit := c.route.core.MaxTopics; limit > 0 && len(c.subs.list) >= limit {
		c.shutLocked(&CloseError{Code: StatusPolicyViolation, Reason: "too many topics"}, frame)
		return false
	}
	c.subs.list = append(c.subs.list, s)
	c.mu.Unlock()
	return true
}

// Unsubscribe removes c, if it subscribes.
func (t *Topic) Unsubscribe(c *Conn) {
	if s := c.removeSubscription(t); s != nil {
		s.leave()
	}
}

func (c *Conn) removeSubscription(t *Topic) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		return nil
	}
	i := c.subs.find(t)
	if i < 0 {
		return nil
	}
	s := c.subs.list[i]
	if c.subs.list = slices.Delete(c.subs.list, i, i+1); len(c.subs.list) == 0 {
		c.subs = nil
	}
	return s
}

func (s *subscription) leave() {
	if s.shard.Remove(&s.member) {
		s.topic.n.Add(-1)
	}
}

func (s *subscriptions) find(t *Topic) int {
	for i, sub := range s.list {
		if sub.topic == t {
			return i
		}
	}
	return -1
}

// leave ends all of a closed connection's subscriptions.
func (s *subscriptions) leave() {
	for _, sub := range s.list {
		sub.leave()
	}
	s.list = nil
}

// Len is the number of subscribers.
func (t *Topic) Len() int { return int(t.n.Load()) }

// Publish queues a message for every subscriber and returns for how many. data
// is copied, once. What happens to a subscriber whose backlog is full is said
// by its [Options.Overflow]. Where a loop has maxPosts publications or
// maxPostBytes to make already, its subscribers miss this one, which is counted
// as dropped.
func (t *Topic) Publish(k Kind, data []byte) (queued int) {
	return t.publish(k, data, nil)
}

// PublishFrom is Publish to every subscriber but c.
func (t *Topic) PublishFrom(c *Conn, k Kind, data []byte) (queued int) {
	return t.publish(k, data, c)
}

// post is one publication to the subscribers of one loop.
type post struct {
	members *hub.Shard[*Conn]
	buf     *pool.Buffer // the frame; the post holds a reference
	head    int          // length of its header
	kind    Kind
	except  *Conn
}

func (t *Topic) publish(k Kind, data []byte, except *Conn) (queued int) {
	shards := t.shards.Load()
	if shards == nil || t.n.Load() == 0 || !k.valid() {
		return 0
	}
	head := codec.HeaderLen(len(data), false)
	buf := pool.Get(head + len(data))
	defer buf.Release()
	buf.B = codec.AppendHeader(buf.B, codec.OpCode(k), true, false, len(data), nil)
	buf.B = append(buf.B, data...)
	for _, sh := range *shards {
		n := sh.Len()
		if n == 0 {
			continue
		}
		p := post{members: sh.Shard, buf: buf.Retain(), head: head, kind: k, except: except}
		if !sh.loop.post(p) {
			buf.Release()
			sh.loop.count.drops.Add(uint64(n))
			continue
		}
		queued += n
	}
	if except != nil && queued > 0 && t.has(except) {
		queued--
	}
	return queued
}

func (t *Topic) has(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs != nil && c.subs.find(t) >= 0
}

// shardFor returns the topic's shard on l.
func (t *Topic) shardFor(l *loop) shard {
	if shards := t.shards.Load(); shards != nil {
		if i := shardOf(*shards, l); i >= 0 {
			return (*shards)[i]
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var old []shard
	if shards := t.shards.Load(); shards != nil {
		old = *shards
	}
	if i := shardOf(old, l); i >= 0 {
		return old[i]
	}
	grown := append(slices.Clone(old), shard{loop: l, Shard: new(hub.Shard[*Conn])})
	t.shards.Store(&grown)
	return grown[len(grown)-1]
}

func shardOf(shards []shard, l *loop) int {
	for i := range shards {
		if shards[i].loop == l {
			return i
		}
	}
	return -1
}

// post queues p for the loop's next turn, unless too much waits there.
func (l *loop) post(p post) bool {
	l.mu.Lock()
	if len(l.posted) >= maxPosts || l.postedBytes >= maxPostBytes || l.ended {
		l.mu.Unlock()
		return false
	}
	l.posted = append(l.posted, p)
	l.postedBytes += len(p.buf.B)
	l.mu.Unlock()
	l.poll.Wake()
	return true
}

// fanOut queues the frame for every member. What is to be written is put on
// l.flush, so that all publications of a turn leave in one write.
func (p *post) fanOut(l *loop) {
	delivered := uint64(0)
	p.members.Each(func(c *Conn) {
		if c != p.except && p.give(l, c) {
			delivered++
		}
	})
	p.buf.Release()
	l.count.published.Add(1)
	l.count.deliveries.Add(delivered)
}

// give queues the frame for c.
func (p *post) give(l *loop, c *Conn) bool {
	c.mu.Lock()
	if c.admit(p.kind, p.buf.B[p.head:], sendq.Data) != nil {
		return false
	}
	if c.fragmented {
		kept := p.holdBack(l, c)
		c.mu.Unlock()
		return kept
	}
	p.enter(c)
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
