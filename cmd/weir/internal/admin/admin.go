// Package admin is the port of operators: health, metrics, the dashboard, and an
// API for the commands of weir.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/dashboard"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/reply"
	"github.com/weirws/weir/cmd/weir/internal/secret"
	"github.com/weirws/weir/cmd/weir/internal/stats"
)

// Conn is a connection as operators see it.
type Conn struct {
	ID           uint64     `json:"id"`
	User         string     `json:"user"`
	IP           string     `json:"ip"`
	ConnectedAt  time.Time  `json:"connected_at"`
	LastMessage  *time.Time `json:"last_message,omitempty"`
	Topics       []string   `json:"topics"`
	PendingBytes int        `json:"pending_bytes"`
	MessagesIn   uint64     `json:"messages_in"`
	// MessagesOut is what was published to its topics since it subscribes.
	MessagesOut uint64 `json:"messages_out"`
	Envelope    bool   `json:"envelope"`
}

// Topic is a topic as operators see it.
type Topic struct {
	Name        string `json:"name"`
	Subscribers int    `json:"subscribers"`
	Published   uint64 `json:"published"`
	Dropped     uint64 `json:"dropped"`
	OnSlow      string `json:"on_slow"`
}

// Query says which connections are asked for; what is empty is any.
type Query struct {
	User, IP, Topic string
	Limit           int
}

// Reloaded says what became of a reload.
type Reloaded struct {
	At           time.Time `json:"at"`
	Applied      []string  `json:"applied"`
	NeedsRestart []string  `json:"needs_restart"`
	Error        string    `json:"error,omitempty"`
	Faults       []string  `json:"faults,omitempty"`
}

// Drain says how far a drain is.
type Drain struct {
	Active bool `json:"active"`
	// Total is the number of connections when the closing began, Left how many
	// are not closed.
	Total int64 `json:"total"`
	Left  int64 `json:"left"`
	// Seconds are those of the window, the delay not included.
	Seconds float64 `json:"seconds"`
}

// Check is one thing that readiness depends on.
type Check struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"`
}

// Gateway is what the port shows. Its methods may be called from any goroutine.
type Gateway interface {
	Stats() *stats.Snapshot
	Open() int64 // clients
	Conns(Query) []Conn
	Conn(id uint64) (Conn, bool)
	Subscribes(id uint64, topic string) bool // quick
	Kick(id uint64) bool
	Topics(most int) (largest []Topic, total int)
	Hub() *hub.Hub
	Behind() time.Duration // of the worst event loop
	Ready() []Check
	Draining() Drain
	StartDrain(over time.Duration) error
	Reload() Reloaded
	LastReload() *Reloaded
	Publish(*hub.Message) (hub.Receipt, error)
}

// Options are what a Server needs.
type Options struct {
	Gateway Gateway
	Token   string       // that requests must have; "": none
	Metrics http.Handler // of /metrics
	Pprof   bool
	Version string
	Log     *slog.Logger
}

// Server is the port of operators.
type Server struct {
	o       Options
	http    http.Server
	streams chan struct{} // a place for each client that watches
	stop    chan struct{} // closed by Close
}

// ErrOpen says that a port which others reach has no token.
var ErrOpen = errors.New("admin: an address that other machines reach wants a token")

// New returns a Server that does not listen yet.
func New(o Options) *Server {
	s := &Server{o: o, streams: make(chan struct{}, maxStreams), stop: make(chan struct{})}
	s.http = http.Server{
		Handler:           reply.Hurry(s.guard(s.routes())),
		ReadHeaderTimeout: headTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelInfo),
	}
	return s
}

// Serve answers on ln until Close, and blocks. It refuses an address that other
// machines reach if there is no token.
func (s *Server) Serve(ln net.Listener) error {
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && s.o.Token == "" {
		return errors.Join(ErrOpen, ln.Close())
	}
	return s.http.Serve(ln)
}

// Close ends the port. Those who watch are told the last counters; what is still
// under way a moment later is cut off.
func (s *Server) Close() error {
	close(s.stop)
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	if s.http.Shutdown(ctx) == nil {
		return nil
	}
	return s.http.Close()
}

// routes are all paths.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	get := func(path string, f http.HandlerFunc) { mux.HandleFunc("GET "+path, f) }
	get("/{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/dashboard", http.StatusSeeOther) })
	get("/livez", s.Live)
	get("/readyz", s.ready)
	mux.Handle("GET /metrics", s.o.Metrics)
	mux.Handle("GET /dashboard", dashboard.Page())
	get("/api/admin/stats", s.stats)
	get("/api/admin/conns", s.conns)
	get("/api/admin/conns/{id}", s.conn)
	mux.HandleFunc("DELETE /api/admin/conns/{id}", s.kick)
	get("/api/admin/topics", s.topics)
	get("/api/admin/events", s.events)
	mux.HandleFunc("POST /api/admin/publish", s.publish)
	mux.HandleFunc("POST /api/admin/drain", s.drain)
	mux.HandleFunc("POST /api/admin/reload", s.reload)
	if s.o.Pprof {
		get("/debug/pprof/", pprof.Index)
		get("/debug/pprof/cmdline", pprof.Cmdline)
		get("/debug/pprof/profile", pprof.Profile)
		get("/debug/pprof/symbol", pprof.Symbol)
		get("/debug/pprof/trace", pprof.Trace)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply.Refuse(w, http.StatusNotFound, "there is nothing for "+r.Method+" at "+r.URL.Path+"; there are /livez, /readyz, /metrics, /dashboard and /api/admin/")
	})
	return mux
}

// guard lets through those who may: with the token if there is one, and without
// one only programs and pages of this machine. A browser that was brought here by
// another site's page has that site's Origin, or its name for Host, or says so.
func (s *Server) guard(h http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply.Refuse(w, http.StatusForbidden, "pages of another origin may change nothing here")
	}))
	h = cross.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.o.Token == "" && !isLocalName(r.Host):
			reply.Refuse(w, http.StatusForbidden, "without a token this port is for this machine: use its address, 127.0.0.1")
			return
		case s.o.Token != "" && !isProbe(r.URL.Path) && !secret.Equal(credentials(r), s.o.Token):
			w.Header().Add("WWW-Authenticate", `Basic realm="weir", charset="UTF-8"`) // a browser asks for the password
			reply.Refuse(w, http.StatusUnauthorized, "the token of admin.token is wanted, as Authorization: Bearer, or as the password")
			return
		case isEmbedded(r):
			reply.Refuse(w, http.StatusForbidden, "pages of another origin get nothing here")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// isEmbedded reports whether a page of another origin makes its visitor's browser
// ask for something, in a frame too: it could not read the answer, but take the
// places of those who watch, or have a profile taken. To follow a link here is no
// harm.
func isEmbedded(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.Header.Get("Sec-Fetch-Dest") != "document"
}

// isProbe says which paths tell so little that orchestrators get them without a
// token.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// credentials are the token of a program, or the password of a browser.
func credentials(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// isLocalName reports whether a Host is this machine whatever a name server
// says.
func isLocalName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if name == "localhost" || name == "" { // HTTP/1.0, and Unix sockets
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && ip.IsLoopback()
}

// Live answers whether the event loops turn.
func (s *Server) Live(w http.ResponseWriter, _ *http.Request) {
	if behind := s.o.Gateway.Behind(); behind > liveWithin {
		reply.JSON(w, http.StatusServiceUnavailable, map[string]any{"status": "stuck", "behind_seconds": behind.Seconds()})
		return
	}
	reply.JSON(w, http.StatusOK, map[string]any{"status": "ok"})
}

// ready says whether new connections should come here, and why not.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	checks, status := s.o.Gateway.Ready(), http.StatusOK
	for _, c := range checks {
		if !c.Ready {
			status = http.StatusServiceUnavailable
		}
	}
	reply.JSON(w, status, checks)
}

// answered is a Snapshot, and what else the dashboard shows.
type answered struct {
	*stats.Snapshot
	Version string    `json:"version"`
	Drain   Drain     `json:"drain"`
	Reload  *Reloaded `json:"reload,omitempty"`
	Ready   []Check   `json:"ready"`
}

func (s *Server) answered() answered {
	g := s.o.Gateway
	return answered{g.Stats(), s.o.Version, g.Draining(), g.LastReload(), g.Ready()}
}

func (s *Server) stats(w http.ResponseWriter, _ *http.Request) {
	reply.JSON(w, http.StatusOK, s.answered())
}

// conns serves GET /api/admin/conns?user=&ip=&topic=&limit=.
func (s *Server) conns(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := defaultConns
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxConns {
			reply.Refuse(w, http.StatusBadRequest, "limit is a number from 1 to "+strconv.Itoa(maxConns))
			return
		}
		limit = n
	}
	found := s.o.Gateway.Conns(Query{User: q.Get("user"), IP: q.Get("ip"), Topic: q.Get("topic"), Limit: limit})
	reply.JSON(w, http.StatusOK, map[string]any{"conns": append([]Conn{}, found...), "total": s.o.Gateway.Open()})
}

// connID reads the id of a path, or answers that it is none.
func connID(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		reply.Refuse(w, http.StatusBadRequest, "the id of a connection is a number")
	}
	return id, err == nil
}

// noConn refuses what is asked of a connection. Its code is for programs, which
// tell it by that from a port where there is nothing at all.
func noConn(w http.ResponseWriter, id string) {
	reply.JSON(w, http.StatusNotFound, map[string]string{"error": "there is no connection " + id + ", or not any more", "code": "no_connection"})
}

func (s *Server) conn(w http.ResponseWriter, r *http.Request) {
	id, ok := connID(w, r)
	if !ok {
		return
	}
	c, ok := s.o.Gateway.Conn(id)
	if !ok {
		noConn(w, r.PathValue("id"))
		return
	}
	reply.JSON(w, http.StatusOK, c)
}

func (s *Server) kick(w http.ResponseWriter, r *http.Request) {
	id, ok := connID(w, r)
	if !ok {
		return
	}
	if !s.o.Gateway.Kick(id) {
		noConn(w, r.PathValue("id"))
		return
	}
	s.o.Log.Info("an operator closed a connection", "conn", id, "operator", r.RemoteAddr)
	reply.JSON(w, http.StatusOK, map[string]any{"kicked": id})
}

func (s *Server) topics(w http.ResponseWriter, _ *http.Request) {
	largest, total := s.o.Gateway.Topics(maxTopics)
	reply.JSON(w, http.StatusOK, map[string]any{"topics": append([]Topic{}, largest...), "total": total})
}

// readJSON reads the body of a request, which may be empty, or answers that it
// cannot.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		reply.Refuse(w, http.StatusBadRequest, "the body is not what is wanted: "+err.Error())
		return false
	}
	return true
}

// publish is the dashboard's publish box.
func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Topic string `json:"topic"`
		Event string `json:"event"`
		Data  string `json:"data"`
	}
	if !readJSON(w, r, &asked) {
		return
	}
	m := hub.Message{Topic: asked.Topic, Event: asked.Event, Kind: 1, Data: []byte(asked.Data)}
	if err := errors.Join(hub.CheckTopic(m.Topic), hub.CheckEvent(m.Event)); err != nil {
		reply.Refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	receipt, err := s.o.Gateway.Publish(&m)
	if err != nil {
		reply.Refuse(w, http.StatusTooManyRequests, err.Error())
		return
	}
	reply.JSON(w, http.StatusOK, receipt)
}

// drain serves POST /api/admin/drain {"duration":"30s"}.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Duration string `json:"duration"`
	}
	if !readJSON(w, r, &asked) {
		return
	}
	over := time.Duration(-1)
	if asked.Duration != "" {
		var err error
		if over, err = time.ParseDuration(asked.Duration); err != nil || over < 0 {
			reply.Refuse(w, http.StatusBadRequest, "a duration has a unit, like 500ms, 30s or 5m")
			return
		}
	}
	if err := s.o.Gateway.StartDrain(over); err != nil {
		reply.Refuse(w, http.StatusConflict, err.Error())
		return
	}
	s.o.Log.Info("an operator began a drain", "operator", r.RemoteAddr)
	reply.JSON(w, http.StatusAccepted, s.o.Gateway.Draining())
}

// reload serves POST /api/admin/reload.
func (s *Server) reload(w http.ResponseWriter, _ *http.Request) {
	told := s.o.Gateway.Reload()
	status := http.StatusOK
	if told.Error != "" {
		status = http.StatusUnprocessableEntity
	}
	reply.JSON(w, status, told)
}
