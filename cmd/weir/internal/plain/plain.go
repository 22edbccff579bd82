// Package plain is the protocol of clients that are nothing but a WebSocket:
// they name their topics in the URL, and get what is published to them.
package plain

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// Path is where clients connect.
const Path = "/ws"

// Verifier judges a token. It may block, until ctx ends.
type Verifier func(ctx context.Context, raw string) (*token.Identity, error)

// Room says whether there is room for one more client; result is what a refusal
// is counted as. A place that was taken is left once.
type Room interface {
	Judge() (result string, refusal *engine.Refusal)
	Take() (result string, refusal *engine.Refusal)
	Leave()
}

// Settings are what the protocol goes by. They may be changed while it runs.
type Settings struct {
	Config *config.Config
	Verify Verifier // nil: there are no tokens

	anonymous *token.Identity // of those without a token
}

// Protocol serves plain clients. Its methods may be called from any goroutine.
type Protocol struct {
	hub      *hub.Hub
	room     Room
	log      *slog.Logger
	settings atomic.Pointer[Settings]
	counts   counts
	deadline deadlines

	refreshes chan struct{} // a place for each judgement that runs
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

// New returns a Protocol whose clients subscribe to h's topics. Close ends it.
func New(h *hub.Hub, room Room, s Settings, log *slog.Logger) *Protocol {
	p := &Protocol{hub: h, room: room, log: log, refreshes: make(chan struct{}, maxRefreshes)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.counts.begin()
	p.Change(s)
	p.running.Add(1)
	go p.runDeadlines() // ends on Close, which waits
	return p
}

// Change gives the protocol other settings: for clients that come from now on,
// and for what those that are there do from now on. Rights that were given to a
// client are its own until its token ends.
func (p *Protocol) Change(s Settings) {
	anyone := &s.Config.Auth.Anonymous
	s.anonymous = &token.Identity{Subscribe: anyone.Subscribe, Publish: anyone.Publish}
	p.settings.Store(&s)
}

// Close ends what runs besides the connections, and waits for it. They must not
// be served any more.
func (p *Protocol) Close() {
	p.cancel()
	p.running.Wait()
}

// Handler is what an engine.Server does with the connections, inline: nothing
// blocks but Upgrade.
func (p *Protocol) Handler() engine.Handler {
	return engine.Handler{Upgrade: p.upgrade, Abandon: p.abandon, Open: p.open, Message: p.message, Close: p.close}
}

// abandon gives back what upgrade took for a client that never came.
func (p *Protocol) abandon(any) { p.room.Leave() }

// open subscribes a client to what it asked for.
func (p *Protocol) open(c *engine.Conn) {
	cl := c.Value().(*Client)
	p.counts.opened(time.Since(cl.asked))
	asked := cl.names
	cl.names = nil
	p.hub.Know(c)
	cl.mu.Lock()
	cl.conn = c
	for _, name := range asked {
		cl.topics = append(cl.topics, p.hold(c, name, cl.form))
	}
	cl.mu.Unlock()
	if cl.form == hub.Enveloped {
		sendEnvelope(c, welcome{Type: "open", Conn: c.ID(), User: cl.User(), Topics: asked})
	}
	p.deadline.set(cl, p.firstDeadline(cl))
	if p.hub.Watched() {
		p.hub.Tell(&hub.Event{What: "open", Conn: c.ID(), User: cl.User(), Detail: c.RemoteAddr().String()})
	}
	p.log.Debug("a client came", "conn", c.ID(), "remote", c.RemoteAddr().String(), "user", cl.User())
}

// hold subscribes c.
func (p *Protocol) hold(c *engine.Conn, name string, f hub.Form) held {
	t := p.hub.Subscribe(c, name, f)
	return held{t, t.Published()}
}

// close gives back what open took.
func (p *Protocol) close(c *engine.Conn, err error) {
	cl := c.Value().(*Client)
	p.deadline.clear(cl)
	cl.mu.Lock()
	topics := cl.topics
	cl.topics = nil
	cl.mu.Unlock()
	for _, h := range topics {
		p.hub.Release(h.topic)
	}
	p.hub.Forget(c)
	p.room.Leave()
	end := err.(*engine.CloseError)
	p.counts.closed(end)
	if p.hub.Watched() {
		p.hub.Tell(&hub.Event{What: "close", Conn: c.ID(), User: cl.User(), Detail: end.Error()})
	}
	p.log.Debug("a client went", "conn", c.ID(), "remote", c.RemoteAddr().String(), "user", cl.User(), "code", int(end.Code), "reason", end.Reason)
}
