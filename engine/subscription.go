package engine

import (
	"sync/atomic"

	"github.com/weirws/weir/engine/internal/hub"
)

// shard holds the subscribers of one topic on one loop.
//
// 64 bytes = members 40 + topic, loop, next 24
type shard struct {
	hub.Shard[subscription, *subscription]
	topic *Topic
	loop  *loop
	next  atomic.Pointer[shard] // of the topic; changed under its lock
}

// subscription is one topic of a connection.
//
// 48 bytes = conn, shard 16 + since 8 + place 8 + manner 8 + left 1 + padding 7
type subscription struct {
	conn  *Conn
	shard *shard
	since uint64    // the number of the first post that it gets
	place hub.Place // guarded by the shard

	// Guarded by conn.mu.
	manner manner
	left   bool // it was removed: nothing is published to it any more
}

// Place is where s is in its shard.
func (s *subscription) Place() *hub.Place { return &s.place }

func (s *subscription) leave() {
	if t := s.shard.topic; s.shard.Remove(s) && t.n.Add(-1) == 0 {
		t.changed(s.shard.loop.core)
	}
}

// subscriptions are the topics of a connection, guarded by its lock.
type subscriptions struct {
	list []*subscription
	at   map[*shard]int // places in list; nil while those are few
}

// find returns the subscription in sh, nil if there is none.
func (s *subscriptions) find(sh *shard) *subscription {
	if i := s.place(sh); i >= 0 {
		return s.list[i]
	}
	return nil
}

func (s *subscriptions) place(sh *shard) int {
	if s.at != nil {
		if i, ok := s.at[sh]; ok {
			return i
		}
		return -1
	}
	for i, sub := range s.list {
		if sub.shard == sh {
			return i
		}
	}
	return -1
}

func (s *subscriptions) add(sub *subscription) {
	s.list = append(s.list, sub)
	switch {
	case s.at != nil:
		s.at[sub.shard] = len(s.list) - 1
	case len(s.list) >= indexTopics:
		s.at = make(map[*shard]int, 2*indexTopics)
		for i, sub := range s.list {
			s.at[sub.shard] = i
		}
	}
}

// remove takes the subscription in sh out and returns it, nil if there is none.
func (s *subscriptions) remove(sh *shard) *subscription {
	i := s.place(sh)
	if i < 0 {
		return nil
	}
	last := len(s.list) - 1
	sub, moved := s.list[i], s.list[last]
	s.list[i], s.list[last] = moved, nil
	s.list = s.list[:last]
	if s.at != nil {
		s.at[moved.shard] = i
		delete(s.at, sh)
	}
	return sub
}

// leave ends all of a closed connection's subscriptions.
func (s *subscriptions) leave() {
	for _, sub := range s.list {
		sub.leave()
	}
	s.list, s.at = nil, nil
}

// addSubscription notes s, and reports whether it is new. One to the same topic
// gets the manner of s if change is true.
func (c *Conn) addSubscription(s *subscription, change bool) (added bool, err error) {
	c.mu.Lock()
	if c.state != Open {
		c.mu.Unlock()
		return false, errClosed
	}
	if c.subs == nil {
		c.subs = new(subscriptions)
	}
	if old := c.subs.find(s.shard); old != nil {
		if change {
			old.manner = s.manner
		}
		c.mu.Unlock()
		return false, nil
	}
	if limit := c.route.core.MaxTopics; limit > 0 && len(c.subs.list) >= limit {
		c.shutLocked(&CloseError{Code: StatusPolicyViolation, Reason: "too many topics"}, frame)
		return false, errClosed
	}
	c.subs.add(s)
	c.mu.Unlock()
	return true, nil
}

func (c *Conn) removeSubscription(sh *shard) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		return nil
	}
	s := c.subs.remove(sh)
	if s != nil {
		s.left = true
	}
	if len(c.subs.list) == 0 {
		c.subs = nil
	}
	return s
}
