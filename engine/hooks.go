package engine

import (
	"fmt"
	"runtime/debug"

	"github.com/weirws/weir/pool"
)

// changed has the hooks told that the topic has subscribers, or none, unless
// they know. It may be called from any goroutine.
func (t *Topic) changed(co *core) {
	if t.Gained == nil && t.Lost == nil && t.link() == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.telling || t.told == (t.n.Load() > 0) {
		return
	}
	n := &news{topic: t, core: co}
	t.telling = co.news.Push(n, &n.line, struct{}{}) > 0 // refused: co is closed, and nobody is left to be told
}

// news is a change that a worker is to tell a topic's hooks of.
type news struct {
	topic *Topic
	core  *core
	line  pool.Line[*news, struct{}]
}

// tell calls the hooks until they know how it is.
func (n *news) tell(*struct{}, int) {
	for t, co := n.topic, n.core; ; {
		t.mu.Lock()
		some := t.n.Load() > 0
		if some == t.told {
			t.telling = false
			t.mu.Unlock()
			return
		}
		t.told = some
		t.mu.Unlock()
		t.callHooks(co, some)
	}
}

// callHooks calls the hooks of one change, and lets no panic out.
func (t *Topic) callHooks(co *core, some bool) {
	defer func() {
		if r := recover(); r != nil {
			co.panics.Add(1)
			co.Log.Error("engine: a callback of a topic panicked", "topic", t.name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	hook, r := t.Lost, t.link()
	if some {
		hook = t.Gained
	}
	switch {
	case r != nil && some:
		r.gained(t)
	case r != nil:
		r.lost(t)
	}
	if hook != nil {
		hook(t)
	}
}
