package engine

import (
	"sync/atomic"
	"testing"
)

// What Upgrade granted comes back once: by Close, or by Abandon if there is no connection after all.
func TestAbandon(t *testing.T) {
	upgrading := func(s *running) {
		eventually(s.t, "Upgrade runs", func() bool { return s.Metrics().Upgrading == 1 })
	}
	for _, d := range []door{listened, attached, handed} {
		for _, tc := range []struct {
			name      string
			try       func(s *running, p *peer, open func()) // a second connection, whose Upgrade waits for open
			abandoned bool                                   // for sure
			only      door                                   // "": all
		}{
			{"no room", func(_ *running, p *peer, open func()) { open(); p.write([]byte(ask("/full"))); p.refused(503) }, true, ""},
			{"a bad answer", func(_ *running, p *peer, open func()) { open(); p.write([]byte(ask("/bad"))); p.refused(500) }, true, ""},
			{"a panic", func(_ *running, p *peer, open func()) { open(); p.write([]byte(ask("/panic"))); p.refused(500) }, false, ""},
			{"the peer has gone", func(s *running, p *peer, open func()) {
				p.write([]byte(ask("/slow")))
				upgrading(s)
				p.nc.Close()
				open()
			}, false, ""},
			{"too slow", func(s *running, p *peer, open func()) { // elsewhere the time is net/http's, or the program's
				p.write([]byte(ask("/slow")))
				upgrading(s)
				l := s.core.loops[0]
				l.poll.Do(func() { l.pass(l.core.upgrade) })
				p.gone()
				open()
			}, true, listened},
		} {
			if tc.only != "" && tc.only != d {
				continue
			}
			t.Run(string(d)+"/"+tc.name, func(t *testing.T) {
				var granted, closed, abandoned atomic.Int64
				gate, open := newGate()
				s := rig{loops: 1, door: d}.serve(t, Handler{
					Upgrade: func(q *Request) (any, error) {
						switch q.HTTP.URL.Path {
						case "/bad":
							q.ResponseHeader().Set("X", "a\r\nb")
						case "/panic":
							panic("oh")
						case "/slow":
							<-gate
						}
						return granted.Add(1), nil
					},
					Abandon: func(value any) {
						if n := granted.Load(); value != n {
							t.Errorf("got %v, want what Upgrade returned last, %d", value, n)
						}
						abandoned.Add(1)
					},
					Close: func(*Conn, error) { closed.Add(1) },
				}, &Options{MaxConns: 2})
				if tc.name == "a panic" {
					s.panics = 1
				}
				first := s.open()
				if tc.name == "no room" {
					defer s.open().closing()
				}
				tc.try(s, s.dial(), open)
				first.closing()
				eventually(t, "all that was granted has come back", func() bool {
					return granted.Load() == closed.Load()+abandoned.Load()+s.Metrics().Conns && s.Metrics().Upgrading == 0
				})
				if tc.abandoned && abandoned.Load() != 1 {
					t.Errorf("%d are abandoned, want 1", abandoned.Load())
				}
			})
		}
	}
}
