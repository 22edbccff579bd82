package hub

import (
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/engine"
)

// Form is how a subscriber gets messages.
type Form uint8

const (
	// Raw is the payload alone, as it was published.
	Raw Form = iota
	// Enveloped is JSON with the topic, the id and the event around it.
	Enveloped
	forms
)

// Topic is one that somebody subscribes to.
type Topic struct {
	name      string
	class     atomic.Pointer[config.Class]
	published atomic.Uint64
	form      [forms]atomic.Pointer[engine.Topic] // made when it is first subscribed to

	changing sync.Mutex // held while subscriptions come, go, or get another class

	holders int // subscribers that acquired it; guarded by the hub
}

// Name is the topic's.
func (t *Topic) Name() string { return t.name }

// OnSlow is what becomes of messages to a subscriber that does not keep up.
func (t *Topic) OnSlow() config.OnSlow { return t.class.Load().OnSlow }

// Published is the number of messages since the topic has subscribers.
func (t *Topic) Published() uint64 { return t.published.Load() }

// Subscribers is the number of connections that subscribe.
func (t *Topic) Subscribers() (n int) {
	t.each(func(e *engine.Topic) { n += e.Len() })
	return n
}

// Dropped is the number of messages that subscribers did not get for the
// topic's sake; see [engine.Topic.Dropped].
func (t *Topic) Dropped() (n uint64) {
	t.each(func(e *engine.Topic) { n += e.Dropped() })
	return n
}

func (t *Topic) each(f func(*engine.Topic)) {
	for i := range t.form {
		if e := t.form[i].Load(); e != nil {
			f(e)
		}
	}
}

// as returns what sends messages in that form, made if need be.
func (t *Topic) as(f Form) *engine.Topic {
	if e := t.form[f].Load(); e != nil {
		return e
	}
	t.form[f].CompareAndSwap(nil, new(engine.Topic)) // whoever was first
	return t.form[f].Load()
}

// options are what a class means to a subscription.
func options(c *config.Class) engine.SubscribeOptions {
	return engine.SubscribeOptions{Overflow: overflows[c.OnSlow], MaxBacklogBytes: int(c.MaxPendingBytes)}
}

var overflows = map[config.OnSlow]engine.Overflow{
	config.DropOld:    engine.DropOldest,
	config.DropNew:    engine.DropNewest,
	config.Conflate:   engine.Conflate,
	config.Disconnect: engine.CloseSlow,
}

// reclass gives the topic and its subscribers another class.
func (t *Topic) reclass(c *config.Class) {
	t.changing.Lock()
	defer t.changing.Unlock()
	if *t.class.Load() == *c {
		return
	}
	t.class.Store(c)
	o := options(c)
	t.each(func(e *engine.Topic) {
		for conn := range e.Conns() {
			_ = e.SubscribeWith(conn, o) // the error says that it is closed
		}
	})
}
