package engine

import (
	"runtime"
	"strings"
	"sync"
	"weak"
)

// names finds topics by name. It keeps none alive: a topic without subscribers
// that nobody holds is forgotten.
type names struct {
	// Constant once the first topic is made:
	gained, lost func(*Topic)
	link         link

	mu     sync.Mutex // guards the following
	topics map[string]weak.Pointer[Topic]
	most   int // topics since the map was made
}

// Topic returns the topic of that name, which is made on demand. Two calls
// return the same Topic as long as somebody holds it or subscribes to it.
func (s *Server) Topic(name string) *Topic { return s.topics.get(name) }

func (n *names) get(name string) *Topic {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.topics[name].Value(); t != nil {
		return t
	}
	name = strings.Clone(name) // it may be a small part of something large
	t := &Topic{name: name, home: n, Gained: n.gained, Lost: n.lost}
	p := weak.Make(t)
	if n.topics == nil {
		n.topics = make(map[string]weak.Pointer[Topic])
	}
	n.topics[name] = p
	n.most = max(n.most, len(n.topics))
	runtime.AddCleanup(t, func(name string) { n.forget(name, p) }, name)
	return t
}

// forget drops the name of a topic that is gone, unless it has a new one.
func (n *names) forget(name string, p weak.Pointer[Topic]) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.topics[name] != p {
		return
	}
	delete(n.topics, name)
	if n.most > minNames && len(n.topics) < n.most/4 { // a map keeps the room of its largest size
		few := make(map[string]weak.Pointer[Topic], len(n.topics))
		for name, p := range n.topics {
			few[name] = p
		}
		n.topics, n.most = few, len(few)
	}
}
