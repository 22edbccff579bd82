package engine

import (
	"runtime"
	"sync"
	"weak"
)

// names finds topics by name. It keeps none alive: a topic without subscribers
// that nobody holds is forgotten.
type names struct {
	mu     sync.Mutex // guards the following
	topics map[string]weak.Pointer[Topic]
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
	t := new(Topic)
	p := weak.Make(t)
	if n.topics == nil {
		n.topics = make(map[string]weak.Pointer[Topic])
	}
	n.topics[name] = p
	runtime.AddCleanup(t, func(name string) { n.forget(name, p) }, name)
	return t
}

// forget drops the name of a topic that is gone, unless it has a new one.
func (n *names) forget(name string, p weak.Pointer[Topic]) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.topics[name] == p {
		delete(n.topics, name)
	}
}
