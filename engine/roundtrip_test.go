package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{}, &Options{MaxControlsPerSecond: -1})
		p := s.open()
		c := s.only()
		go func() {
			for {
				f, err := p.next()
				if err != nil {
					return
				}
				if f.op == opPinged {
					// Others before it, and the same twice, don't count.
					for _, b := range [][]byte{nil, {1}, make([]byte, 8), f.payload, f.payload} {
						_, _ = p.nc.Write(maskedFrame(0x8a, b))
					}
				}
			}
		}()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 10 {
					if d, err := c.RoundTrip(context.Background()); err != nil || d <= 0 {
						t.Errorf("got %v, %v", d, err)
					}
				}
			})
		}
		all.Wait()
		c.mu.Lock()
		if n := len(c.more.trips); n != 0 {
			t.Errorf("%d are kept", n)
		}
		c.mu.Unlock()
		p.nc.Close()
	})
}

// A RoundTrip in a callback of the connection would wait for itself: behind as many messages as may wait for it, or with
// Inline in any case. One of another connection does not.
func TestRoundTripInCallback(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		var other *Conn
		s := r.serve(t, Handler{
			Open: func(c *Conn) {
				if _, err := c.RoundTrip(context.Background()); err != errCallback {
					t.Errorf("in Open: %v", err)
				}
			},
			Message: func(c *Conn, m Message) {
				if _, err := c.RoundTrip(context.Background()); err != errCallback {
					t.Errorf("its own: %v", err)
				}
				if !r.inline {
					if _, err := other.RoundTrip(context.Background()); err != nil {
						t.Errorf("another's: %v", err)
					}
				}
				c.Do(func() {
					if _, err := c.RoundTrip(context.Background()); err != errCallback {
						t.Errorf("in Do: %v", err)
					}
				})
				c.Send(m.Kind, m.Data)
			},
		}, &Options{StrandDepth: 1, Workers: 1})
		p := s.open()
		other = s.only()
		q := s.open()
		var all []byte
		for i := range 10 {
			all = append(all, maskedFrame(0x81, fmt.Append(nil, i))...)
		}
		q.write(all)
		for i := range 10 {
			if !r.inline {
				p.send(opPonged, p.frame().payload)
			}
			q.wantText(fmt.Sprint(i))
		}
		done := make(chan error)
		go func() {
			_, err := other.RoundTrip(context.Background())
			done <- err
		}()
		p.send(opPonged, p.frame().payload)
		if err := within(t, "the pong", done); err != nil {
			t.Errorf("in no callback: %v", err)
		}
		p.closing()
		q.closing()
	})
}

func TestRoundTripFails(t *testing.T) {
	h, ended := ends(Handler{})
	s := usual.serve(t, h, nil)
	p := s.open()
	c := s.only()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.RoundTrip(ctx); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	p.frame()
	// As many as may, none answered, then the end.
	var all sync.WaitGroup
	for range maxControlFrames {
		all.Go(func() {
			if _, err := c.RoundTrip(context.Background()); err != net.ErrClosed {
				t.Errorf("the connection ends: %v", err)
			}
		})
	}
	seen := map[uint64]bool{}
	for range maxControlFrames {
		f := p.frame()
		seen[binary.BigEndian.Uint64(f.payload)] = true
	}
	if len(seen) != maxControlFrames {
		t.Errorf("%d different pings", len(seen))
	}
	if _, err := c.RoundTrip(context.Background()); err != ErrBacklogFull {
		t.Errorf("one more: %v", err)
	}
	p.reset()
	within(t, "Close", ended)
	all.Wait()
	if _, err := c.RoundTrip(context.Background()); err != net.ErrClosed {
		t.Errorf("closed: %v", err)
	}
}

// Pings and pongs of the application's own.
func TestPingPong(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		got := make(chan string, 10)
		s := r.serve(t, Handler{
			Ping: func(_ *Conn, b []byte) { got <- "ping " + string(b) },
			Pong: func(_ *Conn, b []byte) { got <- "pong " + string(b) },
		}, nil)
		p := s.open()
		c := s.only()
		long := blob(125)
		for _, b := range [][]byte{nil, []byte("x"), long} {
			if err := c.Ping(b); err != nil {
				t.Error(err)
			}
			p.want(opPinged, b)
			p.send(opPonged, b)
			if g := within(t, "Pong", got); g != "pong "+string(b) {
				t.Errorf("got %q", g)
			}
			if err := c.Pong(b); err != nil {
				t.Error(err)
			}
			p.want(opPonged, b)
			p.send(opPinged, b)
			p.want(opPonged, b)
			if g := within(t, "Ping", got); g != "ping "+string(b) {
				t.Errorf("got %q", g)
			}
		}
		if err := c.Ping(blob(126)); err != ErrTooBig {
			t.Errorf("Ping of 126 bytes: %v", err)
		}
		if err := c.Pong(blob(126)); err != ErrTooBig {
			t.Errorf("Pong of 126 bytes: %v", err)
		}
		p.closing()
	})
}

// With ManualPong the program answers, or does not.
func TestManualPong(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{Ping: func(c *Conn, b []byte) { c.Pong(append([]byte("by hand: "), b...)) }}, &Options{ManualPong: true})
		p := s.open()
		p.send(opPinged, []byte("x"))
		p.want(opPonged, []byte("by hand: x"))
		p.closing()
	})
}
