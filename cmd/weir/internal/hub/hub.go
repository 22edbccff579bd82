// Package hub is the topics of a gateway: who subscribes to which, what is
// published to them, and who watches that.
package hub

import (
	"crypto/rand"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/engine"
)

// ErrBusy says that publications are made faster than subscribers can be given
// them: the publisher should come back in a moment.
var ErrBusy = errors.New("more is published than can be delivered now; try again in a second")

// Hub holds the topics that someone subscribes to, and only those: a
// publication to another name leaves nothing behind. Its methods may be called
// from any goroutine, and don't block.
type Hub struct {
	epoch string // begins every message's id
	owed  func() int64
	seq   atomic.Uint64

	published, delivered, busy atomic.Uint64
	subscriptions              atomic.Int64
	accept, fanout             Timing

	classes atomic.Pointer[config.Config]
	tap     tap
	conns   conns

	mu    sync.RWMutex // guards the following, and holders of each topic
	named map[string]*Topic
	most  int // topics since the map was made
}

// New returns a Hub whose classes of topics are c's. owed is
// [engine.Server.Owed] of the server that its subscribers are of.
func New(c *config.Config, owed func() int64) *Hub {
	h := &Hub{epoch: "e" + strings.ToLower(rand.Text()[:6]), owed: owed, named: make(map[string]*Topic)}
	h.classes.Store(c)
	return h
}

// Reclass gives all topics, and subscriptions that there are, the classes of c.
func (h *Hub) Reclass(c *config.Config) {
	h.classes.Store(c)
	for _, t := range h.Topics() {
		class := c.Class(t.name)
		t.reclass(&class)
	}
}

// Counts are what the Hub counts since its start.
type Counts struct {
	Published uint64 // messages that were taken
	Delivered uint64 // times the subscribers that they were queued for
	Busy      uint64 // publications that were refused with ErrBusy
	// Subscriptions is how many there are now.
	Subscriptions int64
}

// Counts returns them.
func (h *Hub) Counts() Counts {
	return Counts{h.published.Load(), h.delivered.Load(), h.busy.Load(), h.subscriptions.Load()}
}

// Timings say how long publications took: accept from the call to the id, and
// fanout from there until all were queued for.
func (h *Hub) Timings() (accept, fanout *Timing) { return &h.accept, &h.fanout }

// Subscribe adds c to the topic of that name. The Topic that it returns is given
// back with Release, once.
func (h *Hub) Subscribe(c *engine.Conn, name string, f Form) *Topic {
	t := h.acquire(name)
	t.changing.Lock()
	defer t.changing.Unlock()
	_ = t.as(f).SubscribeWith(c, options(t.class.Load())) // the error says that it is closed: its Close releases t
	return t
}

// Unsubscribe takes c off t, and releases t.
func (h *Hub) Unsubscribe(c *engine.Conn, t *Topic) {
	t.changing.Lock()
	t.each(func(e *engine.Topic) { e.Unsubscribe(c) })
	t.changing.Unlock()
	h.Release(t)
}

func (h *Hub) acquire(name string) *Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.named[name]
	if t == nil {
		class := h.classes.Load().Class(name)
		t = &Topic{name: strings.Clone(name)} // it may be a small part of something large
		t.class.Store(&class)
		h.named[t.name] = t
		h.most = max(h.most, len(h.named))
	}
	t.holders++
	h.subscriptions.Add(1)
	return t
}

// Release forgets t when nobody holds it any more.
func (h *Hub) Release(t *Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subscriptions.Add(-1)
	if t.holders--; t.holders > 0 {
		return
	}
	delete(h.named, t.name)
	if h.most > minNames && len(h.named) < h.most/4 { // a map keeps the room of its largest size
		h.named = maps.Collect(maps.All(h.named))
		h.most = len(h.named)
	}
}

// Find returns the topic of that name, nil if nobody subscribes to it.
func (h *Hub) Find(name string) *Topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.named[name]
}

// Topics returns those of this moment, in no particular order.
func (h *Hub) Topics() []*Topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	all := make([]*Topic, 0, len(h.named))
	for _, t := range h.named {
		all = append(all, t)
	}
	return all
}

// Len is the number of topics.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.named)
}
