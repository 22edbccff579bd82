package engine

import (
	"context"
	"iter"
)

// Client dials WebSockets. Its connections share its event loops. Its methods
// may be called from any goroutine; Dial and Close block, the others don't.
type Client struct {
	core    *core
	base    *route
	sockets *route // of DialSocket
	keeps   keeps

	life context.Context // until Close
	end  context.CancelFunc
}

// NewClient returns a Client whose connections are h's; its Upgrade is not
// used. Of o, what concerns servers is not used either. Its event loops run
// from now on, until Close.
func NewClient(h Handler, o *Options) (*Client, error) {
	set, err := newSettings(o)
	if err != nil {
		return nil, err
	}
	return newClient(h, set)
}

// newClient is NewClient with settings that are valid.
func newClient(h Handler, set settings) (*Client, error) {
	co, err := newCore(set)
	if err != nil {
		return nil, err
	}
	cl := &Client{core: co, base: co.newRoute(nil, h), sockets: co.newSockets(nil)}
	cl.life, cl.end = context.WithCancel(context.Background())
	return cl, nil
}

// Conns yields the open connections, in no particular order.
func (cl *Client) Conns() iter.Seq[*Conn] { return cl.core.open }

// Metrics returns a snapshot of the Client's counters.
func (cl *Client) Metrics() Metrics { return cl.core.metrics() }

// LoopMetrics returns a snapshot of the counters of each event loop.
func (cl *Client) LoopMetrics() []LoopMetrics { return cl.core.loopMetrics() }

// Close ends the Client and all its connections at once, without closing
// frames, and waits until their callbacks have returned. It must not be called
// by a callback, which it would wait for. A Dial that is under way ends with
// [net.ErrClosed]. It returns nil.
func (cl *Client) Close() error {
	cl.keeps.close()
	cl.end()
	cl.core.close()
	cl.keeps.running.Wait()
	return nil
}
