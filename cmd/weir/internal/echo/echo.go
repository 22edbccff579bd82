// Package echo is the server behind weir echo, which conformance suites and
// load generators talk to: it sends back what it gets, and does nothing else.
package echo

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/weirws/weir/engine"
)

// Options are the settings of a Server.
type Options struct {
	Loops        int           // event loops; 0: GOMAXPROCS
	Workers      int           // goroutines that run the callbacks; 0: they run on the loops
	MaxMessage   int           // bytes of one message; 0: no limit
	MaxFragments int           // frames of one message; 0: no limit
	KeepAlive    time.Duration // silence before a ping; 0: no pings
	DropOldest   bool          // who reads /broadcast too slowly misses messages, rather than being closed
	Locked       bool          // LockMemory was called
	Compression  engine.Compression
	TLSCert      string       // PEM file with a certificate; "": no TLS
	TLSKey       string       // PEM file with its key
	Log          *slog.Logger // what an operator should know
}

// Server echoes on "/" and "/echo", and sends what it gets on "/broadcast" to
// every connection there, the sender included. Its methods may be called from
// any goroutine.
type Server struct {
	engine *engine.Server
	cert   string // files; "": no TLS
	key    string
	locked bool         // all memory is
	crowd  engine.Topic // the connections on /broadcast
	held   held         // answers that did not fit into a backlog
}

// New returns a Server that does not listen yet.
func New(o Options) (*Server, error) {
	s := &Server{cert: o.TLSCert, key: o.TLSKey, locked: o.Locked, held: held{of: map[*engine.Conn][]engine.Message{}}}
	var err error
	s.engine, err = engine.New(engine.Handler{}, &engine.Options{
		Loops:           o.Loops,
		Workers:         o.Workers,
		Inline:          o.Workers == 0,
		MaxMessageBytes: noneIfZero(o.MaxMessage),
		MaxFragments:    noneIfZero(o.MaxFragments),
		KeepAlive:       noneIfZero(o.KeepAlive),
		Compression:     o.Compression,
		Overflow:        engine.DropNewest, // who echoes holds what was refused
		MaxBacklogAge:   -1,                // and waits for it: nothing that was echoed is lost
		Log:             o.Log,
	})
	if err != nil {
		return nil, err
	}
	echo := engine.Handler{Message: s.answer, Drain: s.goOn, Close: s.forget}
	s.engine.Handle("/{$}", echo)
	s.engine.Handle("/echo", echo)
	crowd := engine.Handler{Open: s.crowd.Subscribe, Message: s.spread, Drop: tooSlow}
	if o.DropOldest {
		crowd.Open, crowd.Drop = s.joinLossy, nil
	}
	s.engine.Handle("/broadcast", crowd)
	return s, nil
}

// joinLossy subscribes c to what it has time to read.
func (s *Server) joinLossy(c *engine.Conn) {
	_ = s.crowd.SubscribeWith(c, engine.SubscribeOptions{Overflow: engine.DropOldest}) // an error says that it is closed already
}

// noneIfZero turns the 0 of a flag into what engine takes for none.
func noneIfZero[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

// Listen binds addr, "host:port" or "unix:/path".
func (s *Server) Listen(addr string) (net.Listener, error) { return s.engine.Listen(addr) }

// Serve accepts connections until Close or Shutdown; it blocks.
func (s *Server) Serve(ln net.Listener) error {
	if s.cert != "" {
		return s.engine.ServeTLS(ln, s.cert, s.key)
	}
	return s.engine.Serve(ln)
}

// Shutdown says goodbye to every connection with 1001 and waits until all are
// gone or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.Shutdown(ctx) }

// Close ends all at once.
func (s *Server) Close() error { return s.engine.Close() }

// spread sends m to all.
func (s *Server) spread(_ *engine.Conn, m engine.Message) {
	s.crowd.Publish(m.Kind, m.Data)
}

// tooSlow ends a connection that does not read what the others send: it has
// missed a message.
func tooSlow(c *engine.Conn, _ engine.Message) {
	_ = c.Close(engine.StatusTryAgainLater, "too slow") // an error says that it is closed already
}
