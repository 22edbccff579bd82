package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// program is a handler that does a bit of everything, as its messages tell it, and writes down what it sees.
func program(v *view, top *Topic) Handler {
	name := func(c *Conn) string { return c.Value().(string) }
	return Handler{
		Upgrade: func(q *Request) (any, error) {
			if q.HTTP.URL.Path == "/refused" {
				return nil, &Refusal{Status: 418, Body: "no"}
			}
			q.ResponseHeader().Set("X-Name", q.HTTP.URL.Path)
			return q.HTTP.URL.Path[1:], nil
		},
		Open: func(c *Conn) {
			v.add(name(c), "open %v %q", c.State(), c.Subprotocol())
			top.Subscribe(c)
		},
		Message: func(c *Conn, m Message) {
			v.add(name(c), "%v of %d bytes %.40q", m.Kind, len(m.Data), m.Data)
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
		c.v.add(c.name+lane, "fin %t op %d %d bytes %.40q", f.fin, f.op, len(f.payload), f.payload)
	}
}

func (c course) ends() {
	c.t.Helper()
	c.gone()
	c.v.add(c.name+", messages", "end")
}

// scenario is the one script of the matrix. Each step waits for its answer, so that every order is given.
func scenario(t *testing.T, s *running, v *view, top *Topic) {
	enter := func(name string, early []byte, fields ...string) course {
		p := s.dial()
		if p.zip != nil {
			fields = append(fields, "Sec-WebSocket-Extensions: "+p.zip.offer)
		}
		p.write(append([]byte(ask("/"+name, fields...)), early...))
		if got := p.accepted().Header.Get("X-Name"); got != "/"+name {
			t.Errorf("X-Name: %q", got)
		}
		return course{p, v, name}
	}
	a := enter("a", nil, "Sec-WebSocket-Protocol: x, y")
	for _, n := range []int{0, 1, 126, 5000, 70_000} {
		go a.send(opBinary, blob(n))
		a.gets(1)
	}
	for range 3 {
		a.sendText(strings.Repeat("what gets shorter, ", 300))
		a.gets(1)
	}
	a.write(join(maskedFrame(0x01, []byte("frag")), maskedFrame(0x89, []byte("in between")), maskedFrame(0x00, nil), maskedFrame(0x80, []byte("ments"))))
	a.gets(4) // the pong; then, as told, two fragments with a ping between or before
	a.send(opPonged, []byte("between"))
	a.sendText("json")
	a.gets(1)
	a.sendText("pause")
	a.gets(1)
	a.sendText("after the pause")
	a.gets(1)

	b := enter("b", join(text("early"), maskedFrame(0x89, []byte("early too"))))
	b.gets(2)
	eventually(t, "both subscribe", func() bool { return top.Len() == 2 })
	b.sendText("publish")
	a.gets(1)
	b.write(join(text("close"), text("not delivered")))
	b.gets(1)
	b.sendClose(4321, "")
	b.ends()

	c := enter("c", nil)
	c.write(join(text("good"), []byte{0x83, 0x80, 0, 0, 0, 0}))
	c.gets(2)
	c.ends()

	d := enter("d", nil)
	d.sendText("last words")
	d.half()
	d.gets(1)
	d.ends()

	e := enter("e", nil)
	e.sendText("panic")
	e.gets(1)
	e.sendClose(1011, "")
	e.ends()

	f := enter("f", nil)
	f.sendText("kill")
	f.ends()

	g := s.dial()
	g.write([]byte(ask("/refused")))
	v.add("refused", "%s", g.refused(418).Status)

	if a.zip != nil && (a.zip.packed == 0 || a.zip.plain == 0) {
		t.Errorf("%d messages came compressed, %d as they were: there should be both", a.zip.packed, a.zip.plain)
	}
	a.sendClose(1001, "going")
	a.gets(1)
	a.ends()
	s.idle()
	s.Close()
}

// TestMatrix runs one scenario under every rig: what the program sees, and what its peers get, is the same.
func TestMatrix(t *testing.T) {
	var want string
	all := rigs()
	for _, r := range rigs() {
		r.deflate = true
		all = append(all, r)
	}
	for _, r := range all {
		t.Run(r.String(), func(t *testing.T) {
			v := new(view)
			var top Topic
			s := r.serve(t, program(v, &top), &Options{Subprotocols: []string{"y"}})
			s.panics = 1
			scenario(t, s, v, &top)
			got := v.String()
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("this is seen otherwise: %s\nall of it:\n%s", difference(want, got), got)
			}
		})
	}
}
