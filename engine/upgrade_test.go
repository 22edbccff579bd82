package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What Upgrade sees, and what it may say.
func TestUpgradeHook(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		type seen struct {
			path, query, host, cookie, header string
			offered                           []string
			remote                            bool
			deadline                          bool
		}
		got := make(chan seen, 1)
		s := r.serve(t, Handler{
			Upgrade: func(q *Request) (any, error) {
				_, deadline := q.HTTP.Context().Deadline()
				cookie, _ := q.HTTP.Cookie("who")
				got <- seen{
					q.HTTP.URL.Path, q.HTTP.URL.RawQuery, q.HTTP.Host, cookie.Value, q.HTTP.Header.Get("X-Asked"), q.Subprotocols,
					q.RemoteAddr.IsValid() && q.HTTP.RemoteAddr == q.RemoteAddr.String(), deadline,
				}
				q.ResponseHeader().Set("X-Answer", "yes")
				q.ResponseHeader().Add("Set-Cookie", "a=1")
				q.ResponseHeader().Add("Set-Cookie", "b=2")
				return 42, q.SetSubprotocol("b")
			},
			Open: func(c *Conn) { c.SendText(fmt.Sprintf("%v %s", c.Value(), c.Subprotocol())) },
		}, &Options{Subprotocols: []string{"a", "b"}})
		p := s.dial()
		answer := p.shake("/a%20b?x=1", "Cookie: who=me", "X-Asked: really", "Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c")
		if h := answer.Header; h.Get("X-Answer") != "yes" || !slices.Equal(h["Set-Cookie"], []string{"a=1", "b=2"}) || h.Get("Sec-WebSocket-Protocol") != "b" {
			t.Errorf("answered with %v", h)
		}
		want := seen{"/a b", "x=1", "weir.test", "me", "really", []string{"a", "b", "c"}, r.door != unixed, true}
		if g := within(t, "Upgrade", got); fmt.Sprint(g) != fmt.Sprint(want) {
			t.Errorf("got %+v, want %+v", g, want)
		}
		p.wantText("42 b")
		p.closing()
	})
}

// The ways to refuse, and to fail.
func TestUpgradeRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		f      func(q *Request) (any, error)
		status int
		body   string
		header string
		panics uint64
	}{
		{"error", func(*Request) (any, error) { return nil, errors.New("no") }, 403, "Forbidden", "", 0},
		{"zero refusal", func(*Request) (any, error) { return nil, &Refusal{} }, 403, "Forbidden", "", 0},
		{"refusal", func(*Request) (any, error) {
			return nil, &Refusal{Status: 401, Header: http.Header{"X-Why": {"name"}}, Body: "who are you?"}
		}, 401, "who are you?", "name", 0},
		{"status that refuses nothing", func(*Request) (any, error) { return nil, &Refusal{Status: 204} }, 500, "Internal Server Error", "", 0},
		{"framing of its own", func(*Request) (any, error) {
			return nil, &Refusal{Status: 400, Header: http.Header{"Content-Length": {"1000"}, "Transfer-Encoding": {"chunked"}, "x-why": {"so"}}, Body: "body"}
		}, 400, "body", "so", 0},
		{"type", func(*Request) (any, error) {
			return nil, &Refusal{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: "{}"}
		}, 400, "{}", "", 0},
		{"wrapped", func(*Request) (any, error) { return nil, fmt.Errorf("it is so: %w", &Refusal{Status: 404}) }, 404, "Not Found", "", 0},
		{"panic", func(*Request) (any, error) { panic("oh") }, 500, "Internal Server Error", "", 1},
		{"runtime panic", func(q *Request) (any, error) { return q.Subprotocols[len(q.Subprotocols)], nil }, 500, "Internal Server Error", "", 1},
		{"bad header", func(q *Request) (any, error) { q.ResponseHeader().Set("X", "a\r\nb"); return nil, nil }, 500, "Internal Server Error", "", 0},
		{"handshake's header", func(q *Request) (any, error) {
			q.ResponseHeader().Set("Sec-WebSocket-Accept", "x")
			return nil, nil
		}, 500, "Internal Server Error", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, d := range []door{listened, attached, handed} {
				r := rig{loops: 1, door: d}
				s := r.serve(t, Handler{Upgrade: tc.f}, nil)
				s.panics = tc.panics
				p := s.dial()
				p.write([]byte(ask("/")))
				answer := p.refused(tc.status)
				body, _ := io.ReadAll(answer.Body)
				if got := string(body); got != tc.body || answer.Header.Get("X-Why") != tc.header {
					t.Errorf("%s: got %q and %v", d, got, answer.Header)
				}
				if got, want := answer.Header.Get("Content-Type"), choose(tc.name == "type", "application/json", "text/plain; charset=utf-8"); got != want {
					t.Errorf("%s: Content-Type is %q", d, got)
				}
				eventually(t, "it is counted", func() bool { m := s.Metrics(); return m.Refused == 1 && m.Upgraded == 0 })
				s.Close()
			}
		})
	}
}

// Goexit in Upgrade refuses too, and the goroutine's place is taken by another.
func TestUpgradeGoexit(t *testing.T) {
	s := usual.serve(t, Handler{Upgrade: func(q *Request) (any, error) {
		if q.HTTP.URL.Path == "/exit" {
			runtime.Goexit()
		}
		return nil, nil
	}}, nil)
	s.panics = 100
	for range 100 {
		p := s.dial()
		p.write([]byte(ask("/exit")))
		p.refused(500)
	}
	s.open().closing()
}

// A subprotocol that was not offered can't be chosen.
func TestUpgradeSubprotocolNotOffered(t *testing.T) {
	s := usual.serve(t, Handler{Upgrade: func(q *Request) (any, error) {
		if err := q.SetSubprotocol("z"); err == nil {
			t.Error("z was not offered")
		}
		return nil, q.SetSubprotocol("")
	}}, &Options{Subprotocols: []string{"a"}})
	p := s.dial()
	if got := p.shake("/", "Sec-WebSocket-Protocol: a").Header.Values("Sec-WebSocket-Protocol"); len(got) != 0 {
		t.Errorf("answered with %q", got)
	}
	p.closing()
}

func TestSubprotocols(t *testing.T) {
	for _, tc := range []struct {
		offer []string
		want  string
	}{
		{nil, ""},
		{[]string{"x"}, ""},
		{[]string{"b"}, "b"},
		{[]string{"b, a"}, "b"},
		{[]string{"x", "y,a", "b"}, "a"},
		{[]string{"A"}, ""},
	} {
		for _, d := range []door{listened, attached, handed} {
			r := rig{loops: 1, door: d}
			s := r.serve(t, Handler{Open: func(c *Conn) { c.SendText(c.Subprotocol()) }}, &Options{Subprotocols: []string{"a", "b"}})
			p := s.dial()
			var fields []string
			for _, o := range tc.offer {
				fields = append(fields, "Sec-WebSocket-Protocol: "+o)
			}
			if got := p.shake("/", fields...).Header.Get("Sec-WebSocket-Protocol"); got != tc.want {
				t.Errorf("%s: %q is answered with %q, want %q", d, tc.offer, got, tc.want)
			}
			p.wantText(tc.want)
			p.closing()
			s.Close()
		}
	}
}

// Nothing is read while Upgrade runs, and nothing is lost.
func TestUpgradeSlow(t *testing.T) {
	gate, open := newGate()
	defer open()
	s := usual.serve(t, Handler{
		Upgrade: func(*Request) (any, error) { <-gate; return nil, nil },
		Message: echo.Message,
	}, nil)
	p := s.dial()
	b := blob(300_000)
	go p.write(append(append([]byte(ask("/")), maskedFrame(0x81, []byte("early"))...), maskedFrame(0x82, b)...))
	open()
	p.accepted()
	p.wantText("early")
	p.want(opBinary, b)
	p.closing()
}

// At most MaxUpgrades callbacks run or wait; a further one is refused at once, and messages of others are not concerned.
func TestMaxUpgrades(t *testing.T) {
	for _, limit := range []int{1, 3, upgradeWorkers + 5} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			gate, open := newGate()
			defer open()
			var running atomic.Int32
			s := usual.serve(t, Handler{
				Upgrade: func(q *Request) (any, error) {
					if q.HTTP.URL.Path == "/wait" {
						running.Add(1)
						<-gate
					}
					return nil, nil
				},
				Message: echo.Message,
			}, &Options{MaxUpgrades: limit, MaxUpgradeTime: time.Hour})
			witness := s.open()
			var waiting []*peer
			for range limit {
				p := s.dial()
				p.write([]byte(ask("/wait")))
				waiting = append(waiting, p)
			}
			eventually(t, "as many run as may", func() bool { return int(running.Load()) == min(limit, upgradeWorkers) })
			eventually(t, "all are known", func() bool { return s.core.upgrading.Load() == int64(limit) })
			p := s.dial()
			p.write([]byte(ask("/")))
			if got := p.refused(503).Header.Get("Retry-After"); got == "" {
				t.Error("503 without Retry-After")
			}
			witness.sendText("x")
			witness.wantText("x")
			open()
			for _, p := range waiting {
				p.accepted()
				p.closing()
			}
			s.open().closing()
			witness.closing()
		})
	}
}

// Beyond MaxConns there is 503, and room again when one has gone.
func TestMaxConns(t *testing.T) {
	for _, d := range []door{listened, attached, handed} {
		t.Run(string(d), func(t *testing.T) {
			r := rig{loops: 2, door: d}
			s := r.serve(t, echo, &Options{MaxConns: 3})
			peers := []*peer{s.open(), s.open(), s.open()}
			for range 5 {
				p := s.dial()
				p.write([]byte(ask("/")))
				if got := p.refused(503).Header.Get("Retry-After"); got == "" {
					t.Error("503 without Retry-After")
				}
			}
			peers[0].closing()
			eventually(t, "there is room again", func() bool { return s.Metrics().Conns == 2 })
			peers[0] = s.open()
			for _, p := range peers {
				p.sendText("x")
				p.wantText("x")
				p.closing()
			}
			eventually(t, "all is counted", func() bool {
				m := s.Metrics()
				return m.Refused == 5 && m.Upgraded == 4 && m.Closed == 4 && m.Conns == 0
			})
		})
	}
}

func TestPath(t *testing.T) {
	for _, d := range []door{listened, attached, handed} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, &Options{Path: "/chat"})
		for path, ok := range map[string]bool{
			"/chat": true, "/chat?x=1": true, "/": false, "/chat/": false, "/Chat": false, "/chat/a": false, "/ch%61t": false,
		} {
			p := s.dial()
			if ok {
				p.shake(path)
				p.closing()
				continue
			}
			p.write([]byte(ask(path)))
			p.refused(404)
		}
		s.Close()
	}
}

func TestHandle(t *testing.T) {
	says := func(what string) Handler {
		return Handler{
			Upgrade: func(q *Request) (any, error) { return what + " " + q.HTTP.PathValue("room"), nil },
			Open:    func(c *Conn) { c.SendText(c.Value().(string)) },
		}
	}
	for _, d := range []door{listened, attached, handed} {
		for _, empty := range []bool{true, false} {
			base := Handler{}
			if !empty {
				base = says("base")
			}
			r := rig{loops: 1, door: d}
			s := r.make(t, Handler{}, nil)
			s.base.handler, s.empty = s.rules.hold(base), empty
			s.Handle("/chat/{room}", s.rules.hold(says("chat")))
			s.Handle("/news", s.rules.hold(says("news")))
			s.Handle("/tree/", s.rules.hold(says("tree")))
			s.Handle("POST /post", s.rules.hold(says("post")))
			s.start(d)
			for path, want := range map[string]string{
				"/chat/blue": "chat blue", "/chat/a%2Fb": "chat a/b", "/news?x": "news ", "/tree/a/b": "tree ",
				"/chat/": "base ", "/chat/a/b": "base ", "/other": "base ",
			} {
				p := s.dial()
				if want == "base " && empty {
					p.write([]byte(ask(path)))
					p.refused(404)
					continue
				}
				p.shake(path)
				p.wantText(want)
				p.closing()
			}
			p := s.dial()
			p.write([]byte(ask("/post")))
			if got := p.refused(405).Header.Get("Allow"); got != "POST" {
				t.Errorf("Allow: %q", got)
			}
			s.Close()
		}
	}
}

// Patterns may come while connections are served; each has its own callbacks.
func TestHandleLate(t *testing.T) {
	s := usual.serve(t, echo, nil)
	s.open().closing()
	s.Handle("/late", s.rules.hold(Handler{Message: func(c *Conn, m Message) { c.SendText("late " + m.String()) }}))
	p, q := s.dial(), s.open()
	p.shake("/late")
	p.sendText("x")
	p.wantText("late x")
	q.sendText("x")
	q.wantText("x")
	p.closing()
	q.closing()
}

func TestOptionsRefused(t *testing.T) {
	for _, o := range []Options{
		{Loops: -1}, {Workers: -1}, {StrandDepth: -1}, {MaxUpgrades: -1}, {CloseTimeout: -1},
		{Overflow: DropOldest + 1}, {Path: "chat"}, {Subprotocols: []string{""}}, {Subprotocols: []string{"a b"}},
	} {
		if s, err := New(Handler{}, &o); err == nil {
			s.Close()
			t.Errorf("%+v is accepted", o)
		} else if !strings.HasPrefix(err.Error(), "engine: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	home(t)
	o := Options{MaxConns: -1, MaxMessageBytes: -1, MaxFragments: -1, MaxBacklogBytes: -1, MaxTopics: -1, KeepAlive: -1, IdleTimeout: -1, MaxLifetime: -1, Origins: []string{"a"}}
	before := fmt.Sprint(o)
	s, err := New(Handler{}, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if after := fmt.Sprint(o); after != before {
		t.Errorf("New has written into the options: %s, were %s", after, before)
	}
	o.Origins[0] = "b"
	if s.core.Origins[0] != "a" {
		t.Error("New has not copied the options")
	}
}

// The Hijacker of a wrapped ResponseWriter is found.
func TestAttachBehindMiddleware(t *testing.T) {
	s := usual.make(t, echo, nil)
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(&wrapped{w}, r)
	}))
	t.Cleanup(hs.Close)
	s.network, s.addr = "tcp", hs.Listener.Addr().String()
	p := s.open()
	p.sendText("x")
	p.wantText("x")
	p.closing()
}

// wrapped is what middleware makes of a ResponseWriter.
type wrapped struct{ http.ResponseWriter }

func (w *wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Without a Hijacker there is an answer, and no leak.
func TestAttachWithoutHijacker(t *testing.T) {
	s := usual.make(t, echo, &Options{MaxConns: 1})
	for range 3 {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		for k, v := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": sampleKey} {
			r.Header.Set(k, v)
		}
		s.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError {
			t.Errorf("got %d %q", w.Code, w.Body)
		}
	}
}

// An Upgrade that takes longer than MaxUpgradeTime: the socket is closed, its context ends, and what it returns is
// nobody's.
func TestUpgradeTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Duration, 1)
		start := time.Now()
		r := rig{loops: 1, streams: true}
		s := r.make(t, Handler{
			Upgrade: func(q *Request) (any, error) {
				<-q.HTTP.Context().Done()
				ended <- time.Since(start)
				time.Sleep(time.Minute)
				return 1, nil
			},
			Open: func(*Conn) { t.Error("Open is called") },
		}, nil)
		ours, theirs := net.Pipe()
		defer ours.Close()
		c, h := s.deal(nil, netip.AddrPort{})
		if err := s.core.poll.Attach(nil, theirs, nil, c, h); err != nil {
			t.Fatal(err)
		}
		if _, err := ours.Write([]byte(ask("/"))); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(ours); len(b) > 0 || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if d := <-ended; d != DefaultMaxUpgradeTime {
			t.Errorf("the context ended after %v", d)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if m := s.Metrics(); m.Timeouts != 1 || m.Upgraded != 0 || m.Sockets != 0 || m.Conns != 0 {
			t.Errorf("got %+v", m)
		}
		if n := s.core.upgrading.Load(); n != 0 {
			t.Errorf("%d callbacks are counted", n)
		}
	})
}

// Behind net/http the context ends too; what Upgrade then decides counts.
func TestUpgradeTooSlowAttached(t *testing.T) {
	s := rig{loops: 1, door: attached}.serve(t, Handler{Upgrade: func(q *Request) (any, error) {
		<-q.HTTP.Context().Done()
		return nil, &Refusal{Status: 504}
	}}, &Options{MaxUpgradeTime: 10 * time.Millisecond})
	p := s.dial()
	p.write([]byte(ask("/")))
	p.refused(504)
}

// CheckOrigin is asked of every handshake, decides in place of Origins, and comes before Upgrade.
func TestCheckOrigin(t *testing.T) {
	for _, d := range []door{listened, attached} {
		t.Run(string(d), func(t *testing.T) {
			judged := make(chan string, 10)
			r := usual
			r.door = d
			s := r.serve(t, Handler{Upgrade: func(*Request) (any, error) { judged <- "Upgrade"; return nil, nil }}, &Options{
				CheckOrigin: func(r *http.Request) bool {
					judged <- r.Header.Get("Origin") + r.URL.Path
					return r.URL.Path == "/yes"
				},
			})
			p := s.dial()
			p.write([]byte(ask("/no", "Origin: http://weir.test"))) // the server's own
			p.refused(http.StatusForbidden)
			p = s.dial()
			p.shake("/yes", "Origin: http://evil.test")
			p.closing()
			s.dial().shake("/yes")
			for _, want := range []string{"http://weir.test/no", "http://evil.test/yes", "Upgrade", "/yes", "Upgrade"} {
				if got := within(t, "a call", judged); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}
