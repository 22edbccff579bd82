package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// view is what a program sees of its connections, and what their peers get: per connection, in order.
type view struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (v *view) add(name, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lines == nil {
		v.lines = map[string][]string{}
	}
	v.lines[name] = append(v.lines[name], fmt.Sprintf(format, args...))
}

func (v *view) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(mapKeys(v.lines)) {
		fmt.Fprintf(&b, "%s:\n\t%s\n", name, strings.Join(v.lines[name], "\n\t"))
	}
	return b.String()
}

func mapKeys(m map[string][]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// gist is what of a payload stands in the view.
func gist(b []byte) string {
	if len(b) <= 40 {
		return fmt.Sprintf("%d bytes %q", len(b), b)
	}
	return fmt.Sprintf("%d bytes, crc %08x", len(b), crc32.ChecksumIEEE(b))
}

// program is a handler that does a bit of everything, as its messages tell it, and writes down what it sees.
func program(v *view, top *Topic) Handler {
	name := func(c *Conn) string { return c.Value().(string) }
	var resting atomic.Pointer[Conn]
	return Handler{
		Upgrade: func(q *Request) (any, error) {
			if q.HTTP.URL.Path == "/refused" {
				return nil, &Refusal{Status: http.StatusTeapot, Body: "no"}
			}
			q.ResponseHeader().Set("X-Name", q.HTTP.URL.Path)
			return q.HTTP.URL.Path[1:], nil
		},
		Open: func(c *Conn) {
			v.add(name(c), "open %v %q", c.State(), c.Subprotocol())
			top.Subscribe(c)
		},
		Message: func(c *Conn, m Message) {
			v.add(name(c), "%v of %s", m.Kind, gist(m.Data))
			switch string(m.Data) {
			case "close":
				v.add(name(c), "Close: %v, then %v", c.Close(4321, "as told"), c.Close(1000, ""))
				v.add(name(c), "Send: %v", c.Send(Text, nil))
			case "kill":
				v.add(name(c), "CloseNow: %v", c.CloseNow())
			case "panic":
				panic("as told")
			case "pause":
				c.Pause()
				c.Do(func() { v.add(name(c), "paused %t", c.Paused()); c.Resume(); c.SendText("resumed") })
			case "rest":
				c.Pause()
				resting.Store(c)
				c.SendText("resting")
			case "wake":
				resting.Load().Resume()
			case "publish":
				v.add(name(c), "published to %d", top.PublishFrom(c, Text, []byte("news")))
			case "fragments":
				c.SendWith(Text, []byte("one "), SendOptions{More: true})
				c.Ping([]byte("between"))
				c.SendWith(Text, []byte("two"), SendOptions{Done: func(err error) { v.add(name(c), "done: %v", err) }})
			case "json":
				v.add(name(c), "SendJSON: %v", c.SendJSON(map[string]int{"n": len(m.Data)}))
			default:
				c.Send(m.Kind, m.Data)
			}
		},
		Ping: func(c *Conn, b []byte) { v.add(name(c), "ping %q", b) },
		Pong: func(c *Conn, b []byte) { v.add(name(c), "pong %q", b) },
		Close: func(c *Conn, err error) {
			var e *CloseError
			errors.As(err, &e)
			v.add(name(c), "close %d %q, by the peer %t, clean %t", e.Code, e.Reason, e.Peer, e.Clean)
		},
	}
}

// subject is a Server or a Client that runs the program, with peers that do the opposite.
type subject interface {
	// enter opens the connection of that name, which is the path of its URL. The peer's early frames are in one piece
	// with its handshake.
	enter(name string, early []byte, protocols ...string) *peer
	// refused is how one is refused.
	refused() string
	idle()
	Close() error
	LoopMetrics() []LoopMetrics
}

func (s *running) enter(name string, early []byte, protocols ...string) *peer {
	s.t.Helper()
	p := s.dial()
	var fields []string
	if len(protocols) > 0 {
		fields = append(fields, "Sec-WebSocket-Protocol: "+strings.Join(protocols, ", "))
	}
	if p.zip != nil {
		fields = append(fields, "Sec-WebSocket-Extensions: "+p.zip.offer)
	}
	p.write(append([]byte(ask("/"+name, fields...)), early...))
	if got := p.accepted().Header.Get("X-Name"); got != "/"+name {
		s.t.Errorf("X-Name: %q", got)
	}
	return p
}

func (s *running) refused() string {
	s.t.Helper()
	p := s.dial()
	p.write([]byte(ask("/refused")))
	r := p.refused(http.StatusTeapot)
	body, _ := io.ReadAll(r.Body) // it is in memory
	return fmt.Sprintf("%d %q", r.StatusCode, body)
}

// course is a peer that writes down what it gets.
type course struct {
	*peer
	v    *view
	name string
}

// gets reads n frames. Control frames may overtake the others: they are noted apart.
func (c course) gets(n int) {
	c.t.Helper()
	for range n {
		f := c.frame()
		lane := choose(f.op > opClosed, ", pings and pongs", ", messages")
		c.v.add(c.name+lane, "fin %t op %d %s", f.fin, f.op, gist(f.payload))
	}
}

// ends wants the end of the connection, which the program brings about.
func (c course) ends() {
	c.t.Helper()
	c.gone()
	c.v.add(c.name+", messages", "end")
}

// parts wants the end after the closing handshake, which the server brings about: RFC 6455, 7.1.1.
func (c course) parts() {
	c.t.Helper()
	if c.masks != nil {
		c.half()
	}
	c.ends()
}

// scenario is the one script of the matrix. Each step waits for its answer, so that every order is given. frame makes
// the peers' frames.
func scenario(t *testing.T, s subject, frame func(b0 byte, payload []byte) []byte, v *view, top *Topic) {
	enter := func(name string, early []byte, protocols ...string) course {
		return course{s.enter(name, early, protocols...), v, name}
	}
	a := enter("a", nil, "x", "y")
	for _, n := range []int{0, 1, 126, 5000, 70_000} {
		go a.send(opBinary, blob(n))
		a.gets(1)
	}
	for range 3 {
		a.sendText(fmt.Sprintf("%x", blob(3000))) // what gets shorter, and more so when it comes again
		a.gets(1)
	}
	a.write(join(frame(0x01, []byte("frag")), frame(0x89, []byte("in between")), frame(0x00, nil), frame(0x80, []byte("ments"))))
	a.gets(4) // the pong; then, as told, two fragments with a ping between or before
	a.send(opPonged, []byte("between"))
	a.sendText("json")
	a.gets(1)
	a.sendText("pause")
	a.gets(1)
	a.sendText("after the pause")
	a.gets(1)

	b := enter("b", join(frame(0x81, []byte("early")), frame(0x89, []byte("early too"))))
	b.gets(2)
	eventually(t, "both subscribe", func() bool { return top.Len() == 2 })
	b.sendText("publish")
	a.gets(1)
	b.write(join(frame(0x81, []byte("close")), frame(0x81, []byte("not delivered"))))
	b.gets(1)
	b.sendClose(4321, "")
	b.parts()

	c := enter("c", nil)
	c.write(join(frame(0x81, []byte("good")), frame(0x83, nil)))
	c.gets(2)
	c.ends()

	d := enter("d", nil)
	d.sendText("rest")
	d.gets(1)
	d.sendText("last words")
	d.half()
	a.sendText("wake") // what d said is answered, although it has ended its side by now
	d.gets(1)
	d.ends()

	e := enter("e", nil)
	e.sendText("panic")
	e.gets(1)
	e.sendClose(1011, "")
	e.parts()

	f := enter("f", nil)
	f.sendText("kill")
	f.ends()

	v.add("refused", "%s", s.refused())

	if z := a.zip; z != nil && (z.packed == 0 || z.plain == 0 || z.least > 200) {
		t.Errorf("%d messages came compressed, to %d bytes at the least, %d as they were: there should be both, and references to those before",
			z.packed, z.least, z.plain)
	}
	a.sendClose(1001, "going")
	a.gets(1)
	a.parts()
	s.idle()
	s.Close()
}

// cells are the rigs of the matrix.
func cells() (all []rig) {
	doors := []door{listened, unixed, attached, handed, reused, behindProxy, dialled, dialledUnix, tunnelled}
	if os.Getenv(http2Only) != "" {
		doors = []door{http2ed}
	}
	for _, r := range rigsOf(doors...) {
		if r.door == http2ed && r.tls { // it has TLS of its own
			continue
		}
		all = append(all, r)
		r.deflate = true
		all = append(all, r)
	}
	return all
}

// TestMatrix runs one scenario in every cell: what the program sees, and what its peers get, is the same, whether the
// program is a Server or a Client. -rewrite writes it anew.
func TestMatrix(t *testing.T) {
	file := filepath.Join("testdata", "matrix", "view")
	for i, r := range cells() {
		t.Run(r.String(), func(t *testing.T) {
			v := new(view)
			var top Topic
			h := program(v, &top)
			open := h.Open
			h.Open = func(c *Conn) {
				if got := backEnd(c); got != r.backEnd() {
					t.Errorf("%v is served by the %s", c.Value(), got)
				}
				open(c)
			}
			var s subject
			frame := maskedFrame
			if r.calls() {
				s, frame = r.call(t, h), plainFrame
			} else {
				server := r.serve(t, h, &Options{Subprotocols: []string{"y"}})
				server.panics = 1
				s = server
			}
			scenario(t, s, frame, v, &top)
			if got := loopsUsed(s); (got > 1) != (r.loops > 1) {
				t.Errorf("%d loops had connections, of %d", got, r.loops)
			}
			got := v.String()
			if i == 0 && *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("this is seen otherwise: %s\nall of it:\n%s", difference(string(want), got), got)
			}
		})
	}
}

func loopsUsed(s subject) (n int) {
	for _, m := range s.LoopMetrics() {
		if m.Upgraded > 0 {
			n++
		}
	}
	return n
}
