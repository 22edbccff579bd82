package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/stats"
	"github.com/weirws/weir/engine"
)

// operated is a Gateway as its operators' port sees it.
type operated Gateway

var _ admin.Gateway = (*operated)(nil)

func (o *operated) Stats() *stats.Snapshot { return o.sampler.Snapshot() }

func (o *operated) Open() int64 { return o.plain.Open() }

func (o *operated) Hub() *hub.Hub { return o.hub }

func (o *operated) Publish(m *hub.Message) (hub.Receipt, error) { return o.hub.Publish(m) }

func (o *operated) Behind() time.Duration { return o.server.Metrics().Behind }

// Conns looks at the connections one by one: a table by user would cost each of
// them, and operators ask seldom.
func (o *operated) Conns(q admin.Query) (found []admin.Conn) {
	for c := range o.server.Conns() {
		cl, ok := c.Value().(*plain.Client)
		if !ok || q.User != "" && cl.User() != q.User || q.IP != "" && ipOf(c) != q.IP || q.Topic != "" && !cl.Subscribes(q.Topic) {
			continue
		}
		if found = append(found, describe(c, cl)); len(found) == q.Limit {
			break
		}
	}
	slices.SortFunc(found, func(a, b admin.Conn) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

func (o *operated) Conn(id uint64) (admin.Conn, bool) {
	c := o.hub.Conn(id)
	if c == nil {
		return admin.Conn{}, false
	}
	return describe(c, c.Value().(*plain.Client)), true
}

func describe(c *engine.Conn, cl *plain.Client) admin.Conn {
	i := cl.Info()
	shown := admin.Conn{
		ID: c.ID(), User: i.User, IP: ipOf(c), ConnectedAt: i.Connected, Topics: append([]string{}, i.Topics...),
		PendingBytes: c.Backlog(), MessagesIn: i.MessagesIn, MessagesOut: i.MessagesOut, Envelope: i.Enveloped,
	}
	if !i.LastMessage.IsZero() {
		shown.LastMessage = &i.LastMessage
	}
	return shown
}

// ipOf is the address of a client, without its port.
func ipOf(c *engine.Conn) string {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return "unix"
}

func (o *operated) Kick(id uint64) bool {
	c := o.hub.Conn(id)
	return c != nil && plain.Kick(c) == nil
}

func (o *operated) Subscribes(id uint64, topic string) bool {
	c := o.hub.Conn(id)
	return c != nil && c.Value().(*plain.Client).Subscribes(topic)
}

// Topics are those with the most subscribers, largest first.
func (o *operated) Topics(most int) (largest []admin.Topic, total int) {
	all := o.hub.Topics()
	seen := func(yield func(admin.Topic) bool) {
		for _, t := range all {
			if !yield(admin.Topic{Name: t.Name(), Subscribers: t.Subscribers(), Published: t.Published(), Dropped: t.Dropped(), OnSlow: string(t.OnSlow())}) {
				return
			}
		}
	}
	return first(seen, most, func(a, b admin.Topic) int {
		return cmp.Or(cmp.Compare(b.Subscribers, a.Subscribers), cmp.Compare(b.Published, a.Published), cmp.Compare(a.Name, b.Name))
	}), len(all)
}

// first are the first most of all, in order. It keeps twice as many at most: of a
// million topics a dashboard asks every other second.
func first[T any](all iter.Seq[T], most int, order func(a, b T) int) []T {
	var kept []T
	full := false // kept[most-1] is the last that may stay
	for v := range all {
		if full && order(v, kept[most-1]) > 0 {
			continue
		}
		if kept = append(kept, v); len(kept) == 2*most {
			slices.SortFunc(kept, order)
			kept, full = kept[:most], true
		}
	}
	slices.SortFunc(kept, order)
	return kept[:min(len(kept), most)]
}

// Ready says whether new connections should come here.
func (o *operated) Ready() []admin.Check {
	listener, memory, drain := "", o.room.Full(), ""
	if !o.listening.Load() {
		listener = "the public port is not open"
	}
	if o.drain.begun.Load() {
		drain = fmt.Sprintf("draining, %d connections are left", o.drain.remaining())
	}
	return []admin.Check{
		{Name: "listener", Ready: listener == "", Why: listener},
		{Name: "broker", Ready: true}, // it is this process's memory
		{Name: "memory", Ready: memory == "", Why: memory},
		{Name: "drain", Ready: drain == "", Why: drain},
	}
}

func (o *operated) Draining() admin.Drain { return o.drain.state() }

func (o *operated) LastReload() *admin.Reloaded { return o.lastReload.Load() }

func (o *operated) Reload() admin.Reloaded { return (*Gateway)(o).Reload() }

// errDraining says that there is a drain already.
var errDraining = errors.New("a drain is under way already")

// StartDrain begins one in the background; over below 0 is the configuration's.
func (o *operated) StartDrain(over time.Duration) error {
	g := (*Gateway)(o)
	if over < 0 {
		over = g.config.Load().Drain.Duration
	}
	if !g.drain.begin(over, g.Left()) {
		return errDraining
	}
	g.running.Add(1)
	go func() { // ends on Close, which waits
		defer g.running.Done()
		left := g.drainOver(g.ctx, over)
		if g.o.Drained != nil {
			g.o.Drained(left)
		}
	}()
	return nil
}
