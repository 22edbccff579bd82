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
	Log          *slog.Logger  // what an operator should know
}

// Server echoes on "/" and "/echo", and sends what it gets on "/broadcast" to
// every connection there, the sender included. Its methods may be called from
// any goroutine.
type Server struct {
	engine *engine.Server
	crowd  engine.Topic // the connections on /broadcast
}

// New returns a Server that does not listen yet.
func New(o Options) (*Server, error) {
	s := new(Server)
	var err error
	s.engine, err = engine.New(engine.Handler{}, &engine.Options{
		Loops:           o.Loops,
		Workers:         o.Workers,
		Inline:          o.Workers == 0,
		MaxMessageBytes: noneIfZero(o.MaxMessage),
		MaxFragments:    noneIfZero(o.MaxFragments),
		KeepAlive:       noneIfZero(o.KeepAlive),
		Log:             o.Log,
	})
	if err != nil {
		return nil, err
	}
	echo := engine.Handler{Message: answer}
	s.engine.Handle("/{$}", echo)
	s.engine.Handle("/echo", echo)
	s.engine.Handle("/broadcast", engine.Handler{Open: s.crowd.Subscribe, Message: s.spread})
	return s, nil
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
func (s *Server) Serve(ln net.Listener) error { return s.engine.Serve(ln) }

// Shutdown says goodbye to every connection with 1001 and waits until all are
// gone or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.Shutdown(ctx) }

// Close ends all at once.
func (s *Server) Close() error { return s.engine.Close() }

// pauseBytes is the backlog at which a peer that sends faster than it reads is
// not read any more: half of what would close it for being slow.
const pauseBytes = engine.DefaultMaxBacklogBytes / 2

// answer sends m back as it came. A peer that does not read its answers is not
// read either, until it has: TCP tells it to wait.
func answer(c *engine.Conn, m engine.Message) {
	if c.Backlog() < pauseBytes {
		_ = c.Send(m.Kind, m.Data) // an error says that it has gone
		return
	}
	c.Pause()
	written := engine.SendOptions{Done: func(error) { c.Resume() }}
	if c.SendWith(m.Kind, m.Data, written) != nil {
		c.Resume() // it has gone: there is nothing to wait for
	}
}

func (s *Server) spread(_ *engine.Conn, m engine.Message) {
	s.crowd.Publish(m.Kind, m.Data)
}
