package engine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// numbered returns frames of the numbers from 0 to n-1.
func numbered(n int) (all []byte) {
	for i := range n {
		all = appendMasked(all, 0x81, [4]byte{1, 2, 3, 4}, fmt.Append(nil, i))
	}
	return all
}

// With Inline Pause in a callback is followed by no message, and Resume by all of them.
func TestPauseInline(t *testing.T) {
	const n = 1000
	got := make(chan string, n)
	r := rig{loops: 1, door: listened, inline: true}
	s := r.serve(t, Handler{Message: func(c *Conn, m Message) {
		got <- string(m.Data)
		c.Pause()
	}}, nil)
	p := s.open()
	c := s.only()
	witness := s.open()
	p.write(numbered(n))
	for i := range n {
		if m := within(t, "a message", got); m != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m)
		}
		if i%100 == 0 {
			witness.send(opPinged, nil)
			witness.want(opPonged, nil)
		}
		eventually(t, "the callback has paused", c.Paused)
		if len(got) > 0 {
			t.Fatalf("%d messages while paused", len(got))
		}
		c.Resume()
	}
}

// Pause in Open holds back what came with the request.
func TestPauseInOpen(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, d := range []door{listened, attached} {
			r.door = d
			var got atomic.Int32
			s := r.serve(t, Handler{
				Open:    func(c *Conn) { c.Pause() },
				Message: func(*Conn, Message) { got.Add(1) },
			}, nil)
			p := s.dial()
			p.write(append([]byte(ask("/")), numbered(50)...))
			p.accepted()
			c := s.only()
			eventually(t, "Open has run", c.Paused)
			if r.inline && got.Load() != 0 {
				t.Errorf("%d messages were delivered while paused", got.Load())
			}
			c.Resume()
			eventually(t, "all messages are delivered", func() bool { return got.Load() == 50 })
			s.Close()
		}
	})
}

// Pauses and Resumes at any moment, by anyone, lose and reorder nothing.
func TestPauseStorm(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, streams := range []bool{false, true} {
			r.streams = streams
			const n = 3000
			var next atomic.Int32
			var wrong atomic.Int32
			s := r.serve(t, Handler{Message: func(c *Conn, m Message) {
				if string(m.Data) != fmt.Sprint(next.Load()) {
					wrong.Add(1)
				}
				next.Add(1)
			}}, &Options{StrandDepth: 8})
			p := s.open()
			c := s.only()
			stop := make(chan struct{})
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							c.Pause()
							runtime.Gosched()
							c.Resume()
							runtime.Gosched()
						}
					}
				})
			}
			p.write(numbered(n))
			eventually(t, "all messages are delivered", func() bool { return next.Load() == n })
			close(stop)
			all.Wait()
			if wrong.Load() != 0 {
				t.Errorf("%d messages are out of order", wrong.Load())
			}
			p.closing()
			s.Close()
		}
	})
}

// A connection that is closed here reads on, for the peer's closing frame, also when it was paused.
func TestCloseWhilePaused(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{})
		s := r.serve(t, h, nil)
		p := s.open()
		c := s.only()
		c.Pause()
		p.write(numbered(10))
		c.Close(1000, "")
		p.wantClose(1000)
		p.sendClose(1000, "")
		p.gone()
		if e := within(t, "Close", ended); !e.Clean {
			t.Errorf("got %+v", e)
		}
	})
}

// One Resume ends any number of Pauses.
func TestPausesDoNotCount(t *testing.T) {
	s := usual.serve(t, echo, nil)
	p := s.open()
	c := s.only()
	if c.Paused() {
		t.Error("paused from the start")
	}
	c.Pause()
	c.Pause()
	if !c.Paused() {
		t.Error("not paused")
	}
	c.Resume()
	if c.Paused() {
		t.Error("paused after Resume")
	}
	p.sendText("x")
	p.wantText("x")
	p.closing()
	c.Pause() // of a closed one: nothing
	c.Resume()
}
