package hub

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/engine"
)

// Event is something that happened, for those who watch.
type Event struct {
	At     time.Time
	What   string // "publish", "open", "close", "subscribe", "unsubscribe", "error"
	Topic  string
	ID     string // of the message
	Event  string
	Conn   uint64 // whose doing it was; 0: the HTTP API's
	User   string
	Detail string
	// Bytes is the size of the message, Binary its kind, Receivers for how many
	// it was queued.
	Bytes     int
	Binary    bool
	Receivers int
	// Data is a copy of the message, for watchers that ask for it.
	Data []byte
}

// Watcher gets the events that it asks for, as fast as it takes them: what does
// not fit into its channel is counted.
type Watcher struct {
	C      chan Event
	wants  func(*Event) bool
	data   bool
	missed atomic.Uint64
}

// Missed is the number of events that there was no room for.
func (w *Watcher) Missed() uint64 { return w.missed.Load() }

// tap is where watchers are. A gateway that nobody watches pays one load for it.
type tap struct {
	mu  sync.Mutex // guards changes
	all atomic.Pointer[[]*Watcher]
}

// Watch has the events that wants says yes to put into a channel with room for
// room of them. withData asks for copies of the messages. wants is called on any
// goroutine and must not block. Unwatch ends it.
func (h *Hub) Watch(room int, withData bool, wants func(*Event) bool) *Watcher {
	w := &Watcher{C: make(chan Event, room), wants: wants, data: withData}
	h.tap.mu.Lock()
	defer h.tap.mu.Unlock()
	var all []*Watcher
	if old := h.tap.all.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = append(all, w)
	h.tap.all.Store(&all)
	return w
}

// Unwatch ends a Watch. What was under way may still come.
func (h *Hub) Unwatch(w *Watcher) {
	h.tap.mu.Lock()
	defer h.tap.mu.Unlock()
	all := slices.Clone(*h.tap.all.Load())
	all = slices.DeleteFunc(all, func(x *Watcher) bool { return x == w })
	if len(all) == 0 {
		h.tap.all.Store(nil)
		return
	}
	h.tap.all.Store(&all)
}

// Watched reports whether anybody watches.
func (h *Hub) Watched() bool { return h.tap.all.Load() != nil }

// Tell shows an event to those who watch.
func (h *Hub) Tell(e *Event) {
	all := h.tap.all.Load()
	if all == nil {
		return
	}
	e.At = time.Now()
	for _, w := range *all {
		w.show(e, nil)
	}
}

// tell is Tell of a publication.
func (h *Hub) tell(m *Message, r *Receipt, at time.Time) {
	all := h.tap.all.Load()
	if all == nil {
		return
	}
	e := Event{
		At: at, What: "publish", Topic: m.Topic, ID: r.ID, Event: m.Event, Conn: m.From,
		Bytes: len(m.Data), Binary: m.Kind == engine.Binary, Receivers: r.Receivers,
	}
	for _, w := range *all {
		w.show(&e, m.Data)
	}
}

// show puts e into the channel, if w wants it and there is room.
func (w *Watcher) show(e *Event, data []byte) {
	if !w.wants(e) {
		return
	}
	shown := *e
	if w.data {
		shown.Data = slices.Clone(data)
	}
	select {
	case w.C <- shown:
	default:
		w.missed.Add(1)
	}
}
