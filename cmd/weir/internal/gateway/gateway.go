// Package gateway is what weir serve runs: its parts, put together.
package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/certificate"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/demo"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/memory"
	"github.com/weirws/weir/cmd/weir/internal/metrics"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/publish"
	"github.com/weirws/weir/cmd/weir/internal/reply"
	"github.com/weirws/weir/cmd/weir/internal/room"
	"github.com/weirws/weir/cmd/weir/internal/stats"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

// healthPath is for load balancers, on the public port.
const healthPath = "/healthz"

// Options are what a Gateway is made of.
type Options struct {
	Config *config.Config
	// Load loads the configuration anew; nil: there is nothing to load.
	Load func() (*config.Config, error)
	// DemoKey is the key that the demo page publishes with; "": there is no page.
	DemoKey string
	Version string
	Log     *slog.Logger
	// Level is what log.level changes; may be nil.
	Level *slog.LevelVar
	// Memory says how it is with memory; nil: [memory.Now].
	Memory func() (memory.State, bool)
	// Drained is called when a drain that an operator began has closed what it
	// could, with the number of those that are left.
	Drained func(left int64)
}

// Gateway fans out what is published by HTTP to those that subscribe by
// WebSocket. Its methods may be called from any goroutine.
type Gateway struct {
	o       Options
	log     *slog.Logger
	server  *engine.Server
	hub     *hub.Hub
	plain   *plain.Protocol
	publish *publish.API
	room    *room.Guard
	admin   *admin.Server
	sampler *stats.Sampler
	feed    engine.Topic // of the demo page's counts

	certificates certificate.Source // nil without TLS

	config     atomic.Pointer[config.Config]
	lastReload atomic.Pointer[admin.Reloaded]
	listening  atomic.Bool
	drain      draining

	reloading sync.Mutex // held while the configuration changes; guards the following
	verifier  *token.Verifier

	mu     sync.Mutex // guards the following
	public net.Listener

	ctx      context.Context // ends on Close
	cancel   context.CancelFunc
	stopOnce sync.Once
	running  sync.WaitGroup
}

// New returns a Gateway that does not listen yet. Close ends it.
func New(o Options) (*Gateway, error) {
	c := o.Config
	if o.Memory == nil {
		o.Memory = memory.Now
	}
	verifier, err := token.NewVerifier(c, o.Log)
	if err != nil {
		return nil, err
	}
	g := &Gateway{o: o, log: o.Log, verifier: verifier}
	g.drain.done = make(chan struct{})
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.config.Store(c)
	var encrypted *tls.Config
	if c.Listen.TLS.On() {
		if g.certificates, err = certificate.Open(c, o.Log); err != nil {
			verifier.Close()
			return nil, err
		}
		encrypted = g.certificates.Config()
	}
	budget := budgetOf(c, o.Memory)
	g.server, err = engine.New(engine.Handler{Upgrade: g.refuseUnknown}, &engine.Options{
		Inline:          true, // no callback blocks
		MaxConns:        -1,   // room judges
		MaxConnsPerIP:   c.Limits.MaxConnectionsPerIP,
		MaxMessageBytes: int(c.Limits.MaxMessage),
		MaxTopics:       -1, // plain judges
		MemoryBudget:    budget,
		MaxUpgradeTime:  c.Limits.HandshakeTimeout,
		KeepAlive:       c.Limits.KeepAlive,
		Origins:         []string{"*"}, // plain judges
		TLS:             encrypted,
		TrustedProxies:  c.Listen.TrustedProxies,
		ProxyProtocol:   c.Listen.ProxyProtocol,
		HTTP:            g.routes(),
		Log:             o.Log,
	})
	if err != nil {
		verifier.Close()
		return nil, err
	}
	g.hub = hub.New(c, g.server.Owed)
	g.room = room.New(&c.Limits, o.Memory)
	g.plain = plain.New(g.hub, g.room, plain.Settings{Config: c, Verify: verifier.Verify}, o.Log)
	g.publish = publish.New(g.hub, publish.Settings{Config: c, Verify: verifier.Verify}, o.Log)
	g.server.Handle(plain.Path, g.plain.Handler())
	if o.DemoKey != "" {
		g.server.Handle(demo.CountsPath, engine.Handler{Upgrade: g.judgeFeed, Open: g.openFeed})
	}
	g.sampler = stats.NewSampler(budget, g.take)
	g.admin = admin.New(admin.Options{
		Gateway: (*operated)(g), Token: c.Admin.Token, Pprof: c.Admin.Pprof, Version: o.Version, Log: o.Log,
		Metrics: metrics.Handler(g.source()),
	})
	g.running.Add(1)
	go g.run() // ends on Close, which waits
	return g, nil
}

// budgetOf is how much may be held for all clients.
func budgetOf(c *config.Config, see func() (memory.State, bool)) int64 {
	if c.Limits.PendingBudget > 0 {
		return int64(c.Limits.PendingBudget)
	}
	if m, ok := see(); ok {
		return max(m.Limit/100*budgetPercent, minBudget)
	}
	return engine.DefaultMemoryBudget
}

func (g *Gateway) source() metrics.Source {
	accept, fanout := g.hub.Timings()
	return metrics.Source{
		Take: g.take, Handshakes: g.plain.Handshakes(), Accept: accept, FanOut: fanout,
		Draining: g.drain.remaining, Version: g.o.Version,
		ReloadOK: func() bool { r := g.lastReload.Load(); return r == nil || r.Error == "" },
	}
}

// take reads all counters.
func (g *Gateway) take() stats.Raw {
	r := stats.Raw{
		At: time.Now(), Engine: g.server.Metrics(), Loops: g.server.LoopMetrics(),
		Hub: g.hub.Counts(), Topics: g.hub.Len(), Plain: g.plain.Counts(), Memory: g.room.Memory(),
	}
	r.RSS, _ = memory.Resident() // 0 where it is not known
	return r
}

// Listen binds the public address of the configuration. It is ready from then
// on; connections wait until Serve.
func (g *Gateway) Listen() (net.Listener, error) {
	ln, err := g.server.Listen(g.o.Config.Listen.Addr)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.public = ln
	g.mu.Unlock()
	g.listening.Store(true)
	return ln, nil
}

// ListenAdmin binds the address of the port of operators.
func (g *Gateway) ListenAdmin() (net.Listener, error) {
	if path, ok := strings.CutPrefix(g.o.Config.Admin.Addr, "unix:"); ok {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", g.o.Config.Admin.Addr)
}

// Serve accepts connections of a listener of Listen until Close or a drain; it
// blocks.
func (g *Gateway) Serve(ln net.Listener) error {
	if g.certificates != nil {
		g.running.Add(1)
		go g.obtain() // ends on Close, which waits
		return g.server.ServeTLS(ln, "", "")
	}
	return g.server.Serve(ln)
}

// obtain has certificates issued before the first client waits for them. The
// authority connects to the listener meanwhile.
func (g *Gateway) obtain() {
	defer g.running.Done()
	if err := g.certificates.Renew(g.ctx); err != nil && g.ctx.Err() == nil {
		g.log.Warn("a certificate cannot be had yet; the next handshake tries again", "err", err)
	}
}

// ServeAdmin answers operators on ln until Close; it blocks.
func (g *Gateway) ServeAdmin(ln net.Listener) error { return g.admin.Serve(ln) }

// Close ends all at once. It returns nil.
func (g *Gateway) Close() error {
	g.stopOnce.Do(func() {
		g.room.Shut()
		g.cancel()
		_ = g.admin.Close()  // what is under way is cut off
		_ = g.server.Close() // it returns nil
		g.plain.Close()
		g.room.Close()
		g.running.Wait()
		g.reloading.Lock()
		g.verifier.Close()
		g.reloading.Unlock()
	})
	return nil
}

// routes is the public HTTP side.
func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	if g.o.DemoKey != "" {
		mux.Handle("/{$}", reply.Only(demo.Page(g.o.DemoKey), http.MethodGet, http.MethodHead))
		mux.HandleFunc(demo.CountsPath, wantsUpgrade)
	}
	mux.Handle(healthPath, reply.Only(http.HandlerFunc(g.health), http.MethodGet, http.MethodHead))
	mux.Handle(publish.Path, http.HandlerFunc(g.toPublish))
	mux.Handle(publish.Path+"/", http.HandlerFunc(g.toPublish))
	mux.HandleFunc(plain.Path, wantsUpgrade)
	mux.HandleFunc("/", unknownPath)
	// A page of another site must not publish in its visitor's name.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply.Refuse(w, http.StatusForbidden, "pages of another origin may not publish here")
	}))
	return reply.Hurry(guard.Handler(mux))
}

// toPublish gives a request to the publish API, which is made after the server
// that it belongs to.
func (g *Gateway) toPublish(w http.ResponseWriter, r *http.Request) { g.publish.ServeHTTP(w, r) }

// health is for load balancers that reach the public port only: whether weir
// lives, as /livez says it.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) { g.admin.Live(w, r) }

// wantsUpgrade answers a plain request where a WebSocket is.
func wantsUpgrade(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	reply.Refuse(w, http.StatusUpgradeRequired, r.URL.Path+" is a WebSocket: connect to it with weir connect, or with new WebSocket in a page")
}

// unknownPath answers a request to a path that there is not.
func unknownPath(w http.ResponseWriter, r *http.Request) {
	reply.Refuse(w, http.StatusNotFound, "there is nothing at "+r.URL.Path+"; there are GET /ws?topic=name, a WebSocket, and POST /publish/{topic}")
}

// refuseUnknown answers an upgrade on a path that has no WebSocket.
func (g *Gateway) refuseUnknown(r *engine.Request) (any, error) {
	return nil, reply.Refusal(http.StatusNotFound, "there is no WebSocket at "+r.HTTP.URL.Path+"; connect to "+plain.Path+"?topic=name")
}

// judgeFeed judges the demo page's second socket.
func (g *Gateway) judgeFeed(r *engine.Request) (any, error) {
	if err := plain.CheckOrigin(r.HTTP, nil); err != nil {
		return nil, err
	}
	return nil, nil
}
