package engine

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/weirws/weir/pool"
)

// watchdog names the callbacks that hang: their connections do nothing more, and
// each has a worker, or with Inline a loop.
//
// Nothing is timed for it. It looks several times within SlowCallback, and a
// callback that it finds often enough has hung; so one that stands still with its
// whole process has not. It has a goroutine of its own, since who hangs may hang
// in the log.
type watchdog struct {
	core  *core
	every time.Duration // between two looks
	most  int           // looks that find a callback which hangs

	// Owned by its goroutine.
	seen, now map[any]*sighting // at the last look, and at this one
	running   []pool.Running[*Conn]
	telling   []pool.Running[*news]

	mu     sync.Mutex                  // guards the following
	judged map[*Request]netip.AddrPort // with whom it is from, which its callback may change
}

// sighting is a callback that was seen at several looks, one after the other.
type sighting struct {
	looks int
	told  []any // what the log was told it is; nil: nothing yet
}

func newWatchdog(co *core) *watchdog {
	every := min(max(co.SlowCallback/10, tick), time.Second)
	return &watchdog{
		core:   co,
		every:  every,
		most:   int((co.SlowCallback + every - 1) / every),
		seen:   map[any]*sighting{},
		now:    map[any]*sighting{},
		judged: map[*Request]netip.AddrPort{},
	}
}

// run looks until the core is closed, and then once more.
func (d *watchdog) run() {
	defer close(d.core.dogDone)
	t := time.NewTicker(d.every)
	defer t.Stop()
	for {
		select {
		case <-d.core.dogQuit:
			d.look()
			return
		case <-t.C:
			d.look()
		}
	}
}

// look looks at what runs now, and tells what hangs, and what does not any more.
func (d *watchdog) look() {
	co := d.core
	d.running = co.strands.Running(d.running[:0])
	for _, r := range d.running {
		d.see(r.Turn, func() []any { return r.Owner.about(op(r.Tag)) })
	}
	d.telling = co.news.Running(d.telling[:0])
	for _, r := range d.telling {
		d.see(r.Turn, func() []any { return []any{"topic", r.Owner.topic.name, "callback", "Gained or Lost"} })
	}
	clear(d.running) // they are the connections' memory
	clear(d.telling)
	for r, remote := range d.upgrades() {
		d.see(r, func() []any { return []any{"remote", remote, "callback", "Upgrade"} })
	}
	if co.Inline {
		co.eachLoop(d.lookAt)
	}
	for _, s := range d.seen {
		if s.told != nil {
			co.hanging.Add(-1)
			co.Log.Warn("engine: a callback that hung has returned", append(s.told, "after", d.time(s))...)
		}
	}
	clear(d.seen)
	d.seen, d.now = d.now, d.seen
}

// lookAt sees the Inline callback of a loop that stands still.
func (d *watchdog) lookAt(l *loop) {
	c := l.serving.Load()
	if c == nil || l.behind() == 0 {
		return
	}
	type turn struct {
		l     *loop
		heard uint32
	}
	d.see(turn{l, l.heard.Load()}, func() []any { return c.about(op(l.calling.Load())) })
}

// see notes that a callback runs: the one of which what differs from any other.
func (d *watchdog) see(what any, about func() []any) {
	if d.now[what] != nil {
		return
	}
	s := d.seen[what]
	delete(d.seen, what)
	if s == nil {
		s = &sighting{looks: -1}
	}
	d.now[what] = s
	if s.looks++; s.looks < d.most || s.told != nil {
		return
	}
	s.told = about()
	d.core.hanging.Add(1)
	d.core.hung.Add(1)
	d.core.Log.Warn("engine: a callback hangs", append(s.told, "for", d.time(s))...)
}

// time is for how long a callback has run, at least.
func (d *watchdog) time(s *sighting) time.Duration { return time.Duration(s.looks) * d.every }

// judge notes that Upgrade judges r, until the returned function is called. A nil
// watchdog does not.
func (d *watchdog) judge(r *Request) (over func()) {
	if d == nil {
		return func() {}
	}
	d.mu.Lock()
	d.judged[r] = r.RemoteAddr
	d.mu.Unlock()
	return func() {
		d.mu.Lock()
		delete(d.judged, r)
		d.mu.Unlock()
	}
}

// upgrades returns what is judged now.
func (d *watchdog) upgrades() map[*Request]netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.judged)
}

// about is what the log says of a callback of c.
func (c *Conn) about(o op) []any {
	name := o.String()
	if o == opMessage && c.route.handler.Fragment != nil {
		name = "Fragment"
	}
	return []any{"conn", c.id, "remote", c.RemoteAddr(), "callback", name}
}

// String is the callback that o calls; those that call none are the engine's own.
func (o op) String() string {
	return [...]string{
		opOpen: "Open", opMessage: "Message", opPing: "Ping", opPong: "Pong", opDrain: "Drain", opDrop: "Drop",
		opPeerClose: "none", opViolation: "none", opEOF: "none", opDone: "Done", opFunc: "Do", opClose: "Close",
	}[o]
}

// runInline is runContained on the loop, where the watchdog is to find it.
func (c *Conn) runInline(it item) {
	l := c.loop()
	before := l.serving.Swap(c)
	l.calling.Store(uint32(it.op))
	c.runContained(it)
	l.calling.Store(uint32(opMessage))
	l.serving.Store(before)
}
