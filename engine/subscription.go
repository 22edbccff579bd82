package engine

import "github.com/weirws/weir/engine/internal/hub"

// shard holds the subscribers of one topic on one loop.
type shard struct {
	hub.Shard[subscription, *subscription]
	loop *loop
}

// subscription is one topic of a connection.
//
// 48 bytes = topic, conn, shard 24 + place 8 + manner 8 + left 1 + padding 7
type subscription struct {
	topic *Topic
	conn  *Conn
	shard *shard
	place hub.Place // guarded by the shard

	// Guarded by conn.mu.
	manner manner
	left   bool // it was removed: nothing is published to it any more
}

// Place is where s is in its shard.
func (s *subscription) Place() *hub.Place { return &s.place }

func (s *subscription) leave() {
	if s.shard.Remove(s) && s.topic.n.Add(-1) == 0 {
		s.topic.changed(s.shard.loop.core)
	}
}

// subscriptions are the topics of a connection, guarded by its lock.
type subscriptions struct {
	list []*subscription
	at   map[*Topic]int // places in list; nil while those are few
}

// find returns the subscription to t, nil if there is none.
func (s *subscriptions) find(t *Topic) *subscription {
	if i := s.place(t); i >= 0 {
		return s.list[i]
	}
	return nil
}

func (s *subscriptions) place(t *Topic) int {
	if s.at != nil {
		if i, ok := s.at[t]; ok {
			return i
		}
		return -1
	}
	for i, sub := range s.list {
		if sub.topic == t {
			return i
		}
	}
	return -1
}

func (s *subscriptions) add(sub *subscription) {
	s.list = append(s.list, sub)
	switch {
	case s.at != nil:
		s.at[sub.topic] = len(s.list) - 1
	case len(s.list) >= indexTopics:
		s.at = make(map[*Topic]int, 2*indexTopics)
		for i, sub := range s.list {
			s.at[sub.topic] = i
		}
	}
}

// remove takes the subscription to t out and returns it, nil if there is none.
func (s *subscriptions) remove(t *Topic) *subscription {
	i := s.place(t)
	if i < 0 {
		return nil
	}
	last := len(s.list) - 1
	sub, moved := s.list[i], s.list[last]
	s.list[i], s.list[last] = moved, nil
	s.list = s.list[:last]
	if s.at != nil {
		s.at[moved.topic] = i
		delete(s.at, t)
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
	if old := c.subs.find(s.topic); old != nil {
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

func (c *Conn) removeSubscription(t *Topic) *subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		return nil
	}
	s := c.subs.remove(t)
	if s != nil {
		s.left = true
	}
	if len(c.subs.list) == 0 {
		c.subs = nil
	}
	return s
}
