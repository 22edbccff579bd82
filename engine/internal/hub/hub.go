// Package hub keeps the members of a group, one shard for each event loop, so
// that a publication visits them where they live. It knows nothing of what a
// member is.
package hub

import "sync"

// Shard holds the members of one group that live on one loop. Its methods may
// be called from any goroutine. The zero Shard is empty.
type Shard[O any] struct {
	mu      sync.Mutex // guards the following, and the index of each member
	members []*Member[O]
}

// Member is one owner's place in one Shard. It must not be copied.
type Member[O any] struct {
	Owner O
	index int  // in members, plus one; 0: not in
	gone  bool // Remove was called
}

// Add puts m in, unless Remove(m) came first: then, and only then, it returns
// false. It panics if m is in a Shard already.
func (s *Shard[O]) Add(m *Member[O]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.index != 0 {
		panic("hub: a Member is added a second time")
	}
	if m.gone {
		return false
	}
	s.members = append(s.members, m)
	m.index = len(s.members)
	return true
}

// Remove takes m out in O(1), for good. It reports whether m was in.
func (s *Shard[O]) Remove(m *Member[O]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.gone = true
	if m.index == 0 {
		return false
	}
	last := len(s.members) - 1
	moved := s.members[last]
	s.members[m.index-1], moved.index = moved, m.index
	s.members[last] = nil
	s.members = s.members[:last]
	m.index = 0
	if cap(s.members) > 64 && last < cap(s.members)/4 {
		s.members = append(make([]*Member[O], 0, cap(s.members)/2), s.members...)
	}
	return true
}

// Len is the number of members.
func (s *Shard[O]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members)
}

// Each calls f for every member, in no particular order, with the Shard
// locked: f must not call methods of it.
func (s *Shard[O]) Each(f func(O)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		f(m.Owner)
	}
}
