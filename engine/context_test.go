package engine

import (
	"context"
	"errors"
	"net"
	"testing"
)

func TestContext(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		ended := make(chan *CloseError, 1)
		s := r.serve(t, Handler{Close: func(c *Conn, err error) {
			if c.Context().Err() == nil {
				t.Error("in Close the context has not ended")
			}
			ended <- err.(*CloseError)
		}}, nil)
		p := s.open()
		c := s.only()
		ctx := c.Context()
		if ctx.Err() != nil || ctx != c.Context() {
			t.Errorf("while open: %v; the same again: %t", ctx.Err(), ctx == c.Context())
		}
		// What is derived from it may end without harm.
		derived, cancel := context.WithCancel(ctx)
		cancel()
		<-derived.Done()
		if c.State() != Open {
			t.Errorf("after the end of a derived context: %v", c.State())
		}
		p.closing()
		within(t, "the end of the context", ctx.Done())
		end := within(t, "Close", ended)
		if got := context.Cause(ctx); got != end || !errors.Is(got, net.ErrClosed) || ctx.Err() != context.Canceled {
			t.Errorf("cause %v, want %v; Err %v", got, end, ctx.Err())
		}
	})
}

// A context that is asked for only when all is over.
func TestContextLate(t *testing.T) {
	conns := make(chan *Conn, 1)
	s := usual.serve(t, Handler{Close: func(c *Conn, _ error) { conns <- c }}, nil)
	s.open().closing()
	c := within(t, "Close", conns)
	var e *CloseError
	if ctx := c.Context(); ctx.Err() != context.Canceled || !errors.As(context.Cause(ctx), &e) {
		t.Errorf("got %v, %v", ctx.Err(), context.Cause(ctx))
	}
}
