// Package gateway is what weir serve runs: clients that subscribe to topics
// over WebSockets, and an HTTP API that publishes to them.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/demo"
	"github.com/weirws/weir/engine"
)

// Paths of the gateway.
const (
	SocketPath  = "/ws"
	PublishPath = "/publish/"
	HealthPath  = "/healthz"
)

// Gateway fans out what is published by HTTP to those that subscribe by
// WebSocket. Its methods may be called from any goroutine.
type Gateway struct {
	server   *engine.Server
	bodyTime time.Duration // maxBodyTime, but for tests
	topics   topics
	counts   counts
	draining atomic.Bool

	feed     engine.Topic  // of the live counts
	stop     chan struct{} // closed by Close and Shutdown
	stopOnce sync.Once
	feeding  sync.WaitGroup
}

// New returns a Gateway that does not listen yet. log gets what an operator
// should know.
func New(log *slog.Logger) (*Gateway, error) {
	g := &Gateway{bodyTime: maxBodyTime, stop: make(chan struct{})}
	server, err := engine.New(engine.Handler{Upgrade: refuseUnknown}, &engine.Options{
		Inline:          true, // no callback blocks
		MaxMessageBytes: maxMessageBytes,
		MaxTopics:       maxTopics,
		HTTP:            g.routes(),
		Log:             log,
	})
	if err != nil {
		return nil, err
	}
	server.Handle(SocketPath, engine.Handler{
		Upgrade: g.upgrade,
		Open:    g.open,
		Message: refuseMessage,
		Close:   g.close,
	})
	server.Handle(demo.CountsPath, engine.Handler{Open: g.openFeed})
	g.server = server
	g.feeding.Add(1)
	go g.runFeed() // ends on Close and Shutdown, which wait
	return g, nil
}

// Listen binds addr, "host:port" or "unix:/path".
func (g *Gateway) Listen(addr string) (net.Listener, error) { return g.server.Listen(addr) }

// Serve accepts connections until Close or Shutdown; it blocks.
func (g *Gateway) Serve(ln net.Listener) error { return g.server.Serve(ln) }

// Shutdown stops accepting, says goodbye to every client with 1001, and waits
// until all are gone or ctx ends.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.draining.Store(true)
	g.endFeed()
	return g.server.Shutdown(ctx)
}

// Close ends all at once.
func (g *Gateway) Close() error {
	g.draining.Store(true)
	g.endFeed()
	return g.server.Close()
}

// routes is the HTTP side.
func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", only(demo.Page(), http.MethodGet, http.MethodHead))
	mux.Handle(HealthPath, only(http.HandlerFunc(g.health), http.MethodGet, http.MethodHead))
	mux.Handle(PublishPath+"{topic}", only(http.HandlerFunc(g.publish), http.MethodPost))
	mux.HandleFunc(SocketPath, wantsUpgrade)
	mux.HandleFunc(demo.CountsPath, wantsUpgrade)
	mux.HandleFunc("/", unknownPath)
	// A page of another site must not publish in its visitor's name.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "pages of another origin may not publish here")
	}))
	return guard.Handler(mux)
}

// health is for load balancers: it is not well while the gateway shuts down.
func (g *Gateway) health(w http.ResponseWriter, _ *http.Request) {
	if g.draining.Load() {
		answer(w, http.StatusServiceUnavailable, map[string]any{"status": "draining"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": "ok", "connections": g.counts.clients.Load()})
}
