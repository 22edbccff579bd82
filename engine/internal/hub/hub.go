// Package hub keeps the members of a group, one shard for each event loop, so
// that a publication visits them where they live. It knows nothing of what a
// member is.
package hub

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Shard holds the members of one group that live on one loop. Its methods may
// be called from any goroutine. The zero Shard is empty.
//
// 40 bytes = lock 8 + length 8 + slice 24
type Shard[T any, M Member[T]] struct {
	mu      sync.Mutex // guards the following, and the Place of each member
	n       atomic.Int64
	members []M
}

// Member is a pointer to what a Shard holds, with a Place in it for each Shard
// that it is ever in.
type Member[T any] interface {
	*T
	Place() *Place
}

// Place is where a member is in its Shard. The zero Place is ready. It must not
// be copied.
type Place struct {
	index int32 // in members, plus one; 0: not in
	gone  bool  // Remove was called
}

// Add puts m in, unless Remove(m) came first: then, and only then, it returns
// false. It panics if m is in a Shard already.
func (s *Shard[T, M]) Add(m M) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := m.Place()
	if p.index != 0 {
		panic("hub: a member is added a second time")
	}
	if p.gone {
		return false
	}
	s.members = append(s.members, m)
	p.index = int32(len(s.members))
	s.n.Store(int64(len(s.members)))
	return true
}

// Remove takes m out in O(1), for good. It reports whether m was in.
func (s *Shard[T, M]) Remove(m M) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := m.Place()
	p.gone = true
	if p.index == 0 {
		return false
	}
	last := len(s.members) - 1
	moved := s.members[last]
	s.members[p.index-1], moved.Place().index = moved, p.index
	s.members[last] = nil
	s.members = s.members[:last]
	p.index = 0
	s.n.Store(int64(last))
	if cap(s.members) > 64 && last < cap(s.members)/4 {
		s.members = append(make([]M, 0, cap(s.members)/2), s.members...)
	}
	return true
}

// Len is the number of members.
func (s *Shard[T, M]) Len() int { return int(s.n.Load()) }

// Append appends the members of this moment to dst, in no particular order.
func (s *Shard[T, M]) Append(dst []M) []M {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(slices.Grow(dst, len(s.members)), s.members...)
}
