package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mayBeSent is RFC 6455, 7.4, with IANA's registry, as the peer of this test has it.
func mayBeSent(code int) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// Every code that a peer may send is echoed, every other is a violation.
func TestCloseCodesReceived(t *testing.T) {
	h, ended := ends(Handler{})
	r := rig{loops: 1, door: listened, inline: true, streams: true}
	s := r.serve(t, h, nil)
	var codes []int
	for code := 1; code <= 65535; code++ {
		if code < 1100 || code%1000 < 2 || code%1000 > 998 || code%4099 == 0 {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		p := s.pipe()
		p.shake("/")
		p.sendClose(code, "why")
		if mayBeSent(code) {
			if reason := p.wantClose(code); reason != "why" {
				t.Errorf("code %d: got reason %q", code, reason)
			}
		} else {
			p.wantClose(1002)
		}
		p.gone()
		e := within(t, "Close", ended)
		if mayBeSent(code) && (int(e.Code) != code || e.Reason != "why" || !e.Peer || !e.Clean) {
			t.Errorf("code %d: got %+v", code, e)
		}
		if !mayBeSent(code) && (e.Code != StatusProtocolError || e.Peer || e.Err == nil) {
			t.Errorf("code %d: got %+v", code, e)
		}
	}
}

// What a closing frame carries, and how it is answered.
func TestClosePayloads(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payload []byte
		answer  int
		end     CloseError
	}{
		{"empty", nil, 0, CloseError{Code: StatusNoStatus, Peer: true, Clean: true}},
		{"one byte", []byte{3}, 1002, CloseError{Code: 1002}},
		{"no reason", closePayload(1000, ""), 1000, CloseError{Code: 1000, Peer: true, Clean: true}},
		{"longest reason", closePayload(1001, strings.Repeat("ö", 61)+"!"), 1001, CloseError{Code: 1001, Reason: strings.Repeat("ö", 61) + "!", Peer: true, Clean: true}},
		{"reason not UTF-8", closePayload(1000, "\xc3\x28"), 1007, CloseError{Code: 1007}},
		{"reason cut in a character", closePayload(1000, "\xe2\x82"), 1007, CloseError{Code: 1007}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, r rig) {
				h, ended := ends(Handler{})
				p := r.serve(t, h, nil).open()
				p.send(opClosed, tc.payload)
				reason := p.wantClose(tc.answer)
				if tc.end.Peer && reason != tc.end.Reason {
					t.Errorf("answered with %q", reason)
				}
				p.gone()
				got := *within(t, "Close", ended)
				if (got.Err != nil) == tc.end.Peer || got.Code != tc.end.Code || got.Peer != tc.end.Peer || got.Clean != tc.end.Clean || tc.end.Peer && got.Reason != tc.end.Reason {
					t.Errorf("got %+v, want %+v", got, tc.end)
				}
			})
		})
	}
}

// Conn.Close refuses what can't be sent, and sends the rest.
func TestCloseArguments(t *testing.T) {
	h, ended := ends(Handler{})
	s := usual.serve(t, h, nil)
	p := s.open()
	c := s.only()
	for _, tc := range []struct {
		code   StatusCode
		reason string
	}{
		{0, ""}, {999, ""}, {1004, ""}, {1005, "why"}, {1006, ""}, {1015, ""}, {1016, ""}, {2999, ""}, {5000, ""},
		{1000, strings.Repeat("x", 124)}, {1000, "\xff"},
	} {
		if err := c.Close(tc.code, tc.reason); err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("Close(%d, %q): %v", tc.code, tc.reason, err)
		}
	}
	if got := c.State(); got != Open {
		t.Errorf("the state is %v", got)
	}
	long := strings.Repeat("x", 123)
	if err := c.Close(4999, long); err != nil {
		t.Error(err)
	}
	if got := c.State(); got != Closing {
		t.Errorf("the state is %v", got)
	}
	if err := c.Close(1000, ""); err != net.ErrClosed {
		t.Errorf("a second Close: %v", err)
	}
	if err := c.Send(Text, nil); err != net.ErrClosed {
		t.Errorf("Send after Close: %v", err)
	}
	if err := c.Ping(nil); err != net.ErrClosed {
		t.Errorf("Ping after Close: %v", err)
	}
	if got := p.wantClose(4999); got != long {
		t.Errorf("got reason %q", got)
	}
	p.sendClose(4999, "")
	p.gone()
	if e := within(t, "Close", ended); e.Code != 4999 || e.Reason != long || e.Peer || !e.Clean || e.Err != nil {
		t.Errorf("got %+v", e)
	}
	if err := c.CloseNow(); err != net.ErrClosed {
		t.Errorf("CloseNow of a closed one: %v", err)
	}
	if got, want := c.State(), Closed; got != want {
		t.Errorf("the state is %v, want %v", got, want)
	}
	if c.RemoteAddr().String() != p.nc.LocalAddr().String() {
		t.Errorf("RemoteAddr is %v, was %v", c.RemoteAddr(), p.nc.LocalAddr())
	}
}

// StatusNoStatus is a frame without code.
func TestCloseWithoutCode(t *testing.T) {
	h, ended := ends(Handler{Open: func(c *Conn) { c.Close(StatusNoStatus, "") }})
	p := usual.serve(t, h, nil).open()
	p.wantClose(0)
	p.sendClose(0, "")
	p.gone()
	if e := within(t, "Close", ended); e.Code != StatusNoStatus || e.Peer || !e.Clean {
		t.Errorf("got %+v", e)
	}
}

// Both sides close at once: each gets one closing frame, and the first known one counts.
func TestSimultaneousClose(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{})
		s := r.serve(t, h, nil)
		for range 50 {
			p := s.open()
			c := s.only()
			var both sync.WaitGroup
			both.Go(func() { p.sendClose(4001, "peer") })
			both.Go(func() { c.Close(4002, "ours") })
			both.Wait()
			f := p.frame()
			if f.op != opClosed {
				t.Fatalf("got %v", f)
			}
			p.gone()
			if e := within(t, "Close", ended); e.Code != 4001 && e.Code != 4002 || !e.Clean {
				t.Errorf("got %+v", e)
			}
			s.idle()
		}
	})
}

// Close and CloseNow by many at once: one of them wins, and there is one callback.
func TestCloseByMany(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		for _, n := range []int{2, 10, 100} {
			h, ended := ends(Handler{})
			s := r.serve(t, h, nil)
			p := s.open()
			c := s.only()
			var won atomic.Int32
			var all sync.WaitGroup
			for range n {
				all.Go(func() {
					if c.Close(1000, "") == nil {
						won.Add(1)
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				t.Errorf("%d of %d Close were the first", won.Load(), n)
			}
			p.wantClose(1000)
			for range n {
				all.Go(func() { c.CloseNow() })
			}
			all.Wait()
			p.gone()
			if e := within(t, "Close", ended); e.Code != 1000 || e.Clean {
				t.Errorf("got %+v", e)
			}
			s.Close()
		}
	})
}

// Close and CloseNow from within each callback.
func TestCloseInCallbacks(t *testing.T) {
	closings := map[string]func(c *Conn){
		"Close":            func(c *Conn) { c.Close(4000, "here") },
		"CloseNow":         func(c *Conn) { c.CloseNow() },
		"Close, CloseNow":  func(c *Conn) { c.Close(4000, "here"); c.CloseNow() },
		"CloseNow, Close":  func(c *Conn) { c.CloseNow(); c.Close(4000, "here") },
		"Close twice":      func(c *Conn) { c.Close(4000, "here"); c.Close(4001, "again") },
		"Send, Close":      func(c *Conn) { c.Send(Text, []byte("last")); c.Close(4000, "here"); c.Send(Text, []byte("lost")) },
		"Close in a timer": func(c *Conn) { time.AfterFunc(0, func() { c.Close(4000, "here") }) },
	}
	handlers := map[string]func(f func(*Conn)) Handler{
		"Open":    func(f func(*Conn)) Handler { return Handler{Open: f} },
		"Message": func(f func(*Conn)) Handler { return Handler{Message: func(c *Conn, _ Message) { f(c) }} },
		"Ping":    func(f func(*Conn)) Handler { return Handler{Ping: func(c *Conn, _ []byte) { f(c) }} },
		"Pong":    func(f func(*Conn)) Handler { return Handler{Pong: func(c *Conn, _ []byte) { f(c) }} },
		"Do": func(f func(*Conn)) Handler {
			return Handler{Open: func(c *Conn) { c.Do(func() { f(c) }) }}
		},
		"Done": func(f func(*Conn)) Handler {
			return Handler{Open: func(c *Conn) { c.SendWith(Text, nil, SendOptions{Done: func(error) { f(c) }}) }}
		},
		"Close": func(f func(*Conn)) Handler {
			return Handler{
				Open:  func(c *Conn) { c.Close(4000, "here") },
				Close: func(c *Conn, _ error) { f(c) },
			}
		},
	}
	eachEnd(t, func(t *testing.T, r rig) {
		for where, handler := range handlers {
			for how, f := range closings {
				h, ended := ends(handler(f))
				s := r.serve(t, h, nil)
				p := s.open()
				// Everything that may call a callback, more than once; the socket may be closed meanwhile.
				for _, op := range []byte{opText, opPinged, opPonged, opText} {
					_, _ = p.nc.Write(maskedFrame(0x80|op, []byte("x")))
				}
				_, _ = p.nc.Write(maskedFrame(0x80|opClosed, closePayload(4000, "here")))
				_, _ = io.Copy(io.Discard, p.nc)
				if e := within(t, "Close", ended); e.Code != 4000 && e.Code != 1006 {
					t.Errorf("%s in %s: got %+v", how, where, e)
				}
				s.idle()
				s.Close()
			}
		}
	})
}

// After Close here no message is delivered any more, and none after CloseNow.
func TestNoMessageAfterClose(t *testing.T) {
	for name, f := range map[string]func(*Conn){
		"Close":    func(c *Conn) { c.Close(1000, "") },
		"CloseNow": func(c *Conn) { c.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, r rig) {
				var got atomic.Int32
				h, ended := ends(Handler{Message: func(c *Conn, _ Message) { got.Add(1); f(c) }})
				p := r.serve(t, h, nil).open()
				p.write(append(maskedFrame(0x81, []byte("a")), maskedFrame(0x81, []byte("b"))...))
				if name == "Close" {
					p.sendText("c")
					p.wantClose(1000)
					p.sendClose(1000, "")
				}
				p.gone()
				within(t, "Close", ended)
				if got.Load() != 1 {
					t.Errorf("%d messages were delivered", got.Load())
				}
			})
		})
	}
}

// CloseNow is at once an end for senders too.
func TestCloseNow(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{})
		s := r.serve(t, h, nil)
		p := s.open()
		c := s.only()
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		if err := c.Send(Text, nil); err != net.ErrClosed {
			t.Errorf("Send after CloseNow: %v", err)
		}
		if err := c.Close(1000, ""); err != net.ErrClosed {
			t.Errorf("Close after CloseNow: %v", err)
		}
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1006 || e.Peer || e.Clean || e.Err != nil {
			t.Errorf("got %+v", e)
		}
	})
}

// The peer's closing frame is behind a CloseNow in the strand.
func TestCloseNowBeforePeersClose(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{Message: func(c *Conn, _ Message) { c.CloseNow() }})
		s := r.serve(t, h, nil)
		for range 100 {
			p := s.open()
			p.write(append(maskedFrame(0x81, nil), maskedFrame(0x88, closePayload(1000, ""))...))
			p.gone()
			if e := within(t, "Close", ended); e.Code != 1006 && e.Code != 1000 {
				t.Errorf("got %+v", e)
			}
		}
	})
}

// A half-close is the end of what the peer asks, not of what it is told.
func TestHostile65HalfClose(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		release, open := newGate()
		defer open()
		h, ended := ends(Handler{Message: func(c *Conn, m Message) {
			if !r.inline {
				<-release
			}
			c.Send(m.Kind, m.Data)
		}})
		s := r.serve(t, h, nil)
		big := blob(300_000)
		p := s.open()
		p.send(opBinary, big)
		p.half()
		open()
		p.want(opBinary, big)
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1006 || !e.Peer || e.Clean || !errors.Is(e, io.ErrUnexpectedEOF) {
			t.Errorf("got %+v", e)
		}
	})
}

// FIN in the middle of a frame.
func TestHostile65FINInFrame(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		h, ended := ends(echo)
		s := r.serve(t, h, nil)
		whole := maskedFrame(0x82, blob(9000))
		for _, cut := range []int{1, 3, 8, 100, 8999} {
			p := s.open()
			p.write(whole[:cut])
			p.half()
			p.gone()
			if e := within(t, "Close", ended); e.Code != 1006 || !e.Peer {
				t.Errorf("cut at %d: got %+v", cut, e)
			}
		}
	})
}

// A peer that has broken the rules and ends its side is not waited for.
func TestViolationThenFIN(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(echo)
		s := r.serve(t, h, &Options{CloseTimeout: time.Hour})
		p := s.open()
		p.write([]byte{0x83, 0x80, 0, 0, 0, 0})
		p.wantClose(1002)
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1002 || e.Peer {
			t.Errorf("got %+v", e)
		}
		s.idle()
	})
}

// We close, and the peer ends its side without a closing frame.
func TestCloseThenFIN(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{Open: func(c *Conn) { c.Close(1000, "") }})
		s := r.serve(t, h, &Options{CloseTimeout: time.Hour})
		p := s.open()
		p.wantClose(1000)
		p.half()
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1000 || e.Peer || e.Clean {
			t.Errorf("got %+v", e)
		}
	})
}

// A RST in every state of the protocol ends the connection once.
func TestHostile64Reset(t *testing.T) {
	states := map[string]func(s *running) *peer{
		"silent":     func(s *running) *peer { return s.dial() },
		"half head":  func(s *running) *peer { p := s.dial(); p.write([]byte("GET / HT")); return p },
		"head":       func(s *running) *peer { p := s.dial(); p.write([]byte(ask("/"))); return p },
		"open":       func(s *running) *peer { return s.open() },
		"half frame": func(s *running) *peer { p := s.open(); p.write(maskedFrame(0x82, blob(70_000))[:30_000]); return p },
		"fragment":   func(s *running) *peer { p := s.open(); p.write(maskedFrame(0x02, blob(100))); return p },
		"unread":     func(s *running) *peer { p := s.open(); p.send(opBinary, blob(1<<18)); return p },
		"closing":    func(s *running) *peer { p := s.open(); p.sendClose(1000, ""); return p },
		"violation":  func(s *running) *peer { p := s.open(); p.write([]byte{0xff, 0xff}); return p },
		"refused":    func(s *running) *peer { p := s.dial(); p.write([]byte("no HTTP\r\n\r\n")); return p },
		"plain":      func(s *running) *peer { p := s.dial(); p.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); return p },
	}
	eachEnd(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		witness := s.open()
		for name, state := range states {
			for range 20 {
				state(s).reset()
			}
			witness.sendText(name)
			witness.wantText(name)
		}
		witness.closing()
		s.idle()
	})
}

// What a peer sent before it was lost is delivered: it was received.
func TestMessagesBeforeReset(t *testing.T) {
	const n = 50
	var got atomic.Int32
	gate, open := newGate()
	defer open()
	h, ended := ends(Handler{Message: func(*Conn, Message) {
		<-gate
		got.Add(1)
	}})
	s := rig{loops: 1, door: listened}.serve(t, h, nil)
	p := s.open()
	var all []byte
	for range n {
		all = append(all, maskedFrame(0x81, []byte("x"))...)
	}
	p.write(all)
	eventually(t, "all are received", func() bool { return s.Metrics().MessagesIn == n })
	p.reset()
	eventually(t, "the socket is closed", func() bool { return s.Metrics().Sockets == 0 })
	open()
	within(t, "Close", ended)
	if got.Load() != n {
		t.Errorf("%d of %d messages were delivered", got.Load(), n)
	}
}

// Goexit in a callback ends that goroutine, and not the order of things.
func TestGoexit(t *testing.T) {
	h, ended := ends(Handler{Message: func(c *Conn, m Message) {
		if string(m.Data) == "exit" {
			runtime.Goexit()
		}
		c.Send(m.Kind, m.Data)
	}})
	s := rig{loops: 1, door: listened}.serve(t, h, &Options{StrandDepth: 2, Workers: 2})
	p := s.open()
	for i := range 200 {
		p.write(append(maskedFrame(0x81, []byte("exit")), maskedFrame(0x81, fmt.Append(nil, i))...))
	}
	for i := range 200 {
		p.wantText(fmt.Sprint(i))
	}
	p.closing()
	within(t, "Close", ended)
}

// RFC 6455, 5.5.2: a ping is answered until the peer's closing frame has come, also behind ours.
func TestPongAfterClose(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{Open: func(c *Conn) { c.Close(1000, "") }}, nil)
		p := s.open()
		p.wantClose(1000)
		p.send(opPinged, []byte("still here?"))
		p.want(opPonged, []byte("still here?"))
		p.sendClose(1000, "")
		p.gone()
	})
}
