package engine

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A panic in any callback closes that connection with 1011, is logged with its stack, and hurts no other.
func TestHostile70Panics(t *testing.T) {
	for _, tc := range []struct {
		name   string
		h      Handler
		fed    []byte // what brings it about
		code   StatusCode
		panics uint64
	}{
		{"Open", Handler{Open: func(*Conn) { panic("on purpose") }}, nil, 1011, 1},
		{"Message", Handler{Message: func(*Conn, Message) { panic("on purpose") }}, maskedFrame(0x81, []byte("x")), 1011, 1},
		{"large Message", Handler{Message: func(*Conn, Message) { panic("on purpose") }}, maskedFrame(0x82, blob(100_000)), 1011, 1},
		{"Ping", Handler{Ping: func(*Conn, []byte) { panic("on purpose") }}, maskedFrame(0x89, []byte("x")), 1011, 1},
		{"Pong", Handler{Pong: func(*Conn, []byte) { panic("on purpose") }}, maskedFrame(0x8a, []byte("x")), 1011, 1},
		{"Do", Handler{Open: func(c *Conn) { c.Do(func() { panic("on purpose") }) }}, nil, 1011, 1},
		{"Done", Handler{Open: func(c *Conn) {
			c.SendWith(Text, nil, SendOptions{Done: func(error) { panic("on purpose") }})
		}}, nil, 1011, 1},
		{"Close", Handler{
			Open:  func(c *Conn) { c.Close(4000, "") },
			Close: func(*Conn, error) { panic("on purpose") },
		}, nil, 4000, 1},
		{"Message and Close", Handler{
			Message: func(*Conn, Message) { panic("on purpose") },
			Close:   func(*Conn, error) { panic("on purpose") },
		}, maskedFrame(0x81, []byte("x")), 1011, 2},
		{"after Close", Handler{Message: func(c *Conn, _ Message) { c.Close(4000, ""); panic("on purpose") }}, maskedFrame(0x81, nil), 4000, 1},
		{"after CloseNow", Handler{Message: func(c *Conn, _ Message) { c.CloseNow(); panic("on purpose") }}, maskedFrame(0x81, nil), 1006, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eachEnd(t, func(t *testing.T, r rig) {
				h, ended := ends(tc.h)
				s := r.serve(t, Handler{}, &Options{CloseTimeout: time.Hour})
				s.panics = tc.panics
				s.Handle("/bad", s.rules.hold(h))
				s.Handle("/good", s.rules.hold(echo))
				var witnesses []*peer
				for range 4 {
					w := s.dial()
					w.shake("/good")
					witnesses = append(witnesses, w)
				}
				p := s.dial()
				p.shake("/bad")
				if tc.fed != nil {
					p.write(tc.fed)
				}
				if tc.code != 1006 {
					p.wantClose(int(tc.code))
					p.sendClose(int(tc.code), "")
				}
				p.gone()
				// The test's Close callback may be the one that panics: the log says when it has run.
				eventually(t, "it is logged", func() bool { return strings.Count(s.log.String(), "callback panicked") == int(tc.panics) })
				if tc.h.Close == nil {
					if e := within(t, "Close", ended); e.Code != tc.code || tc.code == 1011 && !errors.Is(e, ErrPanic) {
						t.Errorf("got %+v", e)
					}
				}
				for _, w := range witnesses {
					w.sendText("alive")
					w.wantText("alive")
					w.closing()
				}
				if log := s.log.String(); !strings.Contains(log, "on purpose") || !strings.Contains(log, "panic_test.go") {
					t.Errorf("the log has no stack: %s", log)
				}
				s.idle()
			})
		})
	}
}

// What came in the same read as the message whose callback panicked is not lost: here the peer's closing frame.
func TestPanicKeepsRest(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{Message: func(_ *Conn, m Message) { panic(m.String()) }})
		s := r.serve(t, h, &Options{CloseTimeout: time.Hour})
		s.panics = 1
		p := s.open()
		p.write(append(append(maskedFrame(0x81, []byte("a")), maskedFrame(0x81, []byte("b"))...), maskedFrame(0x88, closePayload(1000, ""))...))
		p.wantClose(1011)
		p.gone()
		if e := within(t, "Close", ended); e.Code != 1011 && e.Code != 1000 || !e.Clean {
			t.Errorf("got %+v", e)
		}
	})
}

// Panics in Drain and Drop.
func TestHostile70PanicInDrain(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		for _, h := range []Handler{{Drain: func(*Conn) { panic("drain") }}, {Drop: func(*Conn, Message) { panic("drop") }}} {
			s := r.serve(t, h, &Options{MaxBacklogBytes: 1000, Overflow: DropNewest})
			p := s.open()
			c := s.only()
			for c.Send(Binary, blob(1<<18)) == nil {
			}
			go func() {
				for {
					f, err := p.next()
					if err != nil {
						return
					}
					if f.op == opClosed {
						_, _ = p.nc.Write(maskedFrame(0x88, f.payload))
					}
				}
			}()
			s.idle()
			s.panics = 1
			s.Close()
		}
	})
}
