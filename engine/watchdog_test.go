package engine

import (
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hangs is a Handler of which one callback takes so long, the first time. What of the peer makes it do so is fed.
type hangs struct {
	name string
	h    func(nap func()) Handler
	fed  []byte
	o    Options
}

func allThatHang() []hangs {
	hello := maskedFrame(0x81, []byte("x"))
	return []hangs{
		{name: "Open", h: func(nap func()) Handler { return Handler{Open: func(*Conn) { nap() }} }},
		{name: "Message", h: func(nap func()) Handler { return Handler{Message: func(*Conn, Message) { nap() }} }, fed: hello},
		{name: "Message", h: func(nap func()) Handler { return Handler{Message: func(*Conn, Message) { nap() }} }, fed: maskedFrame(0x82, blob(100_000))},
		{name: "Message", h: func(nap func()) Handler {
			return Handler{Ping: func(*Conn, []byte) {}, Message: func(*Conn, Message) { nap() }}
		}, fed: append(maskedFrame(0x89, nil), hello...)},
		{name: "Fragment", h: func(nap func()) Handler { return Handler{Fragment: func(*Conn, Fragment) { nap() }} }, fed: hello},
		{name: "Ping", h: func(nap func()) Handler { return Handler{Ping: func(*Conn, []byte) { nap() }} }, fed: maskedFrame(0x89, nil),
			o: Options{ManualPong: true}},
		{name: "Pong", h: func(nap func()) Handler { return Handler{Pong: func(*Conn, []byte) { nap() }} }, fed: maskedFrame(0x8a, nil)},
		{name: "Do", h: func(nap func()) Handler {
			return Handler{Open: func(c *Conn) { c.Do(nap) }}
		}},
		{name: "Done", h: func(nap func()) Handler {
			return Handler{Open: func(c *Conn) { c.SendWith(Text, nil, SendOptions{Done: func(error) { nap() }}) }}
		}},
		{name: "Drop", h: func(nap func()) Handler {
			return Handler{Open: func(c *Conn) {
				for c.Send(Binary, blob(10_000)) == nil {
				}
			}, Drop: func(*Conn, Message) { nap() }}
		}, o: Options{MaxBacklogBytes: 1000, Overflow: DropNewest}},
		{name: "Close", h: func(nap func()) Handler {
			return Handler{Open: func(c *Conn) { c.CloseNow() }, Close: func(*Conn, error) { nap() }}
		}},
	}
}

// A callback that hangs is named in the log, once, and once more when it has returned, and counted.
func TestHostile70Watchdog(t *testing.T) {
	for _, inline := range []bool{false, true} {
		for _, tc := range allThatHang() {
			t.Run(choose(inline, "inline", "workers")+"/"+tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var once atomic.Bool
					o := tc.o
					o.KeepAlive, o.MaxBacklogAge = -1, -1
					s := rig{inline: inline, loops: 1, streams: true}.make(t, tc.h(func() {
						if !once.Swap(true) {
							time.Sleep(35 * time.Second)
						}
					}), &o)
					p := s.pipe()
					p.nc.SetDeadline(time.Time{})
					go p.nc.Write(append([]byte(ask("/")), tc.fed...)) // it is read in part while the callback hangs
					go io.Copy(io.Discard, p.nc)
					wantHung(t, s, fmt.Sprintf("callback=%s for=10s", tc.name), fmt.Sprintf("callback=%s after=3", tc.name))
					if log := s.log.String(); strings.Count(log, "conn=") != 2 || strings.Count(log, "remote=pipe") != 2 {
						t.Errorf("the connection is not named:\n%s", log)
					}
					p.nc.Close()
					synctest.Wait()
				})
			})
		}
	}
}

// wantHung wants a callback of 35 s to hang after 10, and the log to say so in its first line and its last.
func wantHung(t *testing.T, s *running, begun, ended string) {
	t.Helper()
	for _, at := range []struct {
		after, lines  int
		hung, hanging int
	}{{9, 0, 0, 0}, {2, 1, 1, 1}, {22, 1, 1, 1}, {6, 2, 1, 0}} {
		time.Sleep(time.Duration(at.after) * time.Second)
		synctest.Wait()
		m := s.Metrics()
		if n := strings.Count(s.log.String(), "\n"); m.Hung != uint64(at.hung) || m.Hanging != int64(at.hanging) || n != at.lines {
			t.Errorf("hung %d, hanging %d, %d lines in the log, want %+v:\n%s", m.Hung, m.Hanging, n, at, s.log)
		}
	}
	lines := strings.Split(s.log.String(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "a callback hangs") || !strings.Contains(lines[0], begun) ||
		!strings.Contains(lines[1], "has returned") || !strings.Contains(lines[1], ended) {
		t.Errorf("got %q, want %q and %q", lines, begun, ended)
	}
}

// Upgrade and the hooks of topics are no callbacks of a connection, and hang like those.
func TestHostile70WatchdogBesideConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rig{loops: 1, streams: true}.make(t, Handler{Upgrade: func(r *Request) (any, error) {
			r.RemoteAddr = netip.MustParseAddrPort("192.0.2.9:9") // it is the callback's, and no news to the log
			time.Sleep(35 * time.Second)
			return nil, &Refusal{Status: 403}
		}}, &Options{MaxUpgradeTime: time.Minute})
		p := s.pipe()
		go p.nc.Write([]byte(ask("/")))
		go p.next()
		wantHung(t, s, `remote="" callback=Upgrade for=10s`, `remote="" callback=Upgrade after=3`)
		p.nc.Close()
		synctest.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		s := rig{loops: 1, streams: true}.make(t, Handler{}, &Options{KeepAlive: -1, TopicGained: func(*Topic) { time.Sleep(35 * time.Second) }})
		p := s.pipe()
		p.shake("/")
		s.Topic("news").Subscribe(s.only())
		wantHung(t, s, `topic=news callback="Gained or Lost" for=10s`, `topic=news callback="Gained or Lost" after=3`)
		p.nc.Close()
		synctest.Wait()
	})
}

// Many callbacks in a row that take long are none that hangs, and with a negative SlowCallback nobody looks.
func TestWatchdogIsQuiet(t *testing.T) {
	for name, tc := range map[string]struct {
		limit, nap time.Duration
	}{"short": {0, 8 * time.Second}, "off": {-1, time.Minute}} {
		for _, inline := range []bool{false, true} {
			t.Run(name+choose(inline, "/inline", "/workers"), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := rig{inline: inline, loops: 1, streams: true}.make(t, Handler{Message: func(*Conn, Message) { time.Sleep(tc.nap) }},
						&Options{KeepAlive: -1, SlowCallback: tc.limit})
					p := s.pipe()
					p.shake("/")
					p.nc.SetDeadline(time.Time{})
					for range 5 {
						p.sendText("x")
						time.Sleep(tc.nap)
						synctest.Wait()
					}
					time.Sleep(time.Minute) // at rest
					synctest.Wait()
					if m, log := s.Metrics(), s.log.String(); m.Hung != 0 || log != "" {
						t.Errorf("%d hang:\n%s", m.Hung, log)
					}
					p.closing()
					synctest.Wait()
				})
			})
		}
	}
}

// As many callbacks hang as there are workers but one: in a loop without an end, or at a gate. The others' connections are
// served.
func TestHostile70HangsInNumbers(t *testing.T) {
	for _, busy := range []bool{true, false} {
		t.Run(choose(busy, "endless loop", "gate"), func(t *testing.T) {
			gate, open := newGate()
			defer open()
			var stop atomic.Bool
			defer stop.Store(true)
			hangers := map[bool]int{true: 1, false: 3}[busy] // a core is left
			s := usual.serve(t, Handler{Message: func(c *Conn, m Message) {
				switch {
				case m.String() != "hang":
					c.Send(m.Kind, m.Data)
				case busy:
					for !stop.Load() {
					}
				default:
					<-gate
				}
			}}, &Options{Workers: hangers + 1, SlowCallback: 300 * time.Millisecond})
			witness := s.open()
			var stuck []*peer
			for range hangers {
				p := s.open()
				p.sendText("hang")
				stuck = append(stuck, p)
			}
			eventually(t, "all are named", func() bool { return s.Metrics().Hanging == int64(hangers) })
			for i := range 100 {
				witness.sendText(fmt.Sprint(i))
				witness.wantText(fmt.Sprint(i))
			}
			for _, p := range stuck {
				if n := strings.Count(s.log.String(), "remote="+p.nc.LocalAddr().String()+" "); n != 1 {
					t.Errorf("%v is in the log %d times:\n%s", p.nc.LocalAddr(), n, s.log)
				}
			}
			stop.Store(true)
			open()
			for _, p := range append(stuck, witness) { // they go on where they were
				p.sendText("x")
				p.wantText("x")
				p.closing()
			}
			eventually(t, "none hangs", func() bool { return s.Metrics().Hanging == 0 })
			if m := s.Metrics(); m.Hung != uint64(hangers) {
				t.Errorf("%d have hung, want %d", m.Hung, hangers)
			}
		})
	}
}

// A callback that ends its goroutine takes nobody along: its connection goes on to its end, and the others are served.
func TestHostile70Goexit(t *testing.T) {
	for _, tc := range allThatHang() {
		t.Run(tc.name, func(t *testing.T) {
			var calls atomic.Int32
			o := tc.o
			o.Workers = 2
			s := usual.serve(t, echo, &o)
			s.Handle("/bad", s.rules.hold(tc.h(func() {
				calls.Add(1)
				runtime.Goexit()
			})))
			w := witnessed{s.open(), s.open()}
			p := s.dial()
			p.write(append([]byte(ask("/bad")), tc.fed...))
			eventually(t, "it is called", func() bool { return calls.Load() > 0 })
			p.nc.Close()
			eventually(t, "it is gone", func() bool { return s.Metrics().Conns == int64(len(w)) })
			w.alive(t)
			s.idle()
		})
	}
}
