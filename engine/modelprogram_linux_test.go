package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// publication is one call of Publish.
type publication struct {
	topic int
	data  []byte
}

// outgoing is a message that a Conn has accepted.
type outgoing struct {
	kind  Kind
	data  []byte
	whole bool // otherwise fragments are to come
	seen  bool // by the peer
	asked bool // Done is to be called
	told  int  // how often it was
	err   error
}

// modelWindow is while a figure subscribes to a topic: numbers of publications.
type modelWindow struct {
	topic, from, to int
	lossy           bool // DropOldest
}

// handler is the program: what it does in a callback is said by what it was sent.
func (w *world) handler() Handler {
	h := Handler{
		Open: func(c *Conn) {
			f := w.figure(c)
			f.opened.Store(true)
			w.act(f, f.atOpen)
		},
		Message: func(c *Conn, m Message) {
			f := w.figure(c)
			f.hear(m)
			if len(m.Data) > 0 {
				w.react(f, m.Data[0])
			}
		},
		Ping: func(c *Conn, b []byte) { w.figure(c).note(&w.figure(c).pingsHeard, b) },
		Pong: func(c *Conn, b []byte) { w.figure(c).note(&w.figure(c).pongsHeard, b) },
		Drop: func(c *Conn, m Message) { w.figure(c).drop(m.Data) },
		Drain: func(c *Conn) {
			if f := w.figure(c); f.closed != nil {
				w.t.Error("Drain after Close")
			}
		},
		Close: func(c *Conn, err error) { w.figure(c).close(err) },
	}
	if w.hook {
		h.Upgrade = func(r *Request) (any, error) {
			if r.HTTP.URL.Path == "/no" {
				return nil, &Refusal{Status: http.StatusForbidden}
			}
			return r.HTTP.URL.Path, nil
		}
	}
	return h
}

func (w *world) figure(c *Conn) *figure {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.of[c]
	if f == nil {
		w.t.Errorf("a callback of conn %d, which nobody has dialed", c.ID())
		return &figure{w: w, c: c}
	}
	return f
}

// react is what a callback does; it may panic.
func (w *world) react(f *figure, v byte) {
	if v == 7 {
		w.mu.Lock()
		f.panics++
		w.mu.Unlock()
		panic("as the tape says")
	}
	w.act(f, v)
}

// act has the program do something with f, or nothing: callbacks do, and so do steps.
func (w *world) act(f *figure, v byte) {
	if !f.opened.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c, n := f.c, 1+int(v)*int(v)/3
	switch v % 20 {
	case 0, 1:
		f.say(n, false, func(k Kind, b []byte, _ func(error)) error { return c.Send(k, b) })
	case 2, 3:
		f.say(n, true, func(k Kind, b []byte, done func(error)) error { return c.SendWith(k, b, SendOptions{Done: done}) })
	case 4:
		f.say(n, false, func(k Kind, b []byte, _ func(error)) error {
			p, err := Prepare(k, b)
			if err != nil {
				w.t.Error(err)
			}
			return c.SendPrepared(p)
		})
	case 5:
		f.part(n)
	case 6:
		f.ping(n % 100)
	case 7:
		f.pong(n % 100)
	case 8, 9:
		w.publish(int(v)%3, n)
	case 10:
		f.subscribe(int(v/20)%3, v >= 120)
	case 11:
		f.unsubscribe(int(v/20) % 3)
	case 12:
		c.Pause()
		f.paused = true
	case 13:
		c.Resume()
		f.paused = false
	case 14:
		if v >= 160 { // 174, 194, 214, 234 and 254
			f.shut(StatusCode([]int{1000, 1001, 3000, 4999, 1005}[v/20%5]))
		}
	case 15:
		if v >= 200 {
			if c.CloseNow() == nil { // otherwise it has ended already, and what came before that is delivered still
				f.killed = true
			}
		}
	case 16:
		f.doing++
		if err := c.Do(func() { w.did(f) }); err != nil {
			w.t.Errorf("Do: %v", err)
		}
	case 17, 18:
		if w.s.core.Inline || !w.free {
			f.write(n)
		}
	}
}

func (w *world) did(f *figure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.done++
}

// label begins what is sent: who sends it, and which it is.
func label(who byte, n, size int) []byte {
	b := fmt.Appendf(nil, "%c%06d", who, n)
	for len(b) < size {
		b = append(b, byte('a'+len(b)%26))
	}
	return b
}

// say sends a message, which ends one that was begun in fragments.
func (f *figure) say(n int, ask bool, send func(Kind, []byte, func(error)) error) {
	if m := f.begun(); m != nil && f.writer == nil {
		more := label('+', 0, n)
		if send(Text, more, nil) == nil {
			m.data, m.whole = append(m.data, more...), true
		}
		return
	}
	m := &outgoing{kind: Kind(1 + n%2), data: label('s', len(f.said), n), whole: true, asked: ask}
	f.sent(m, send(m.kind, m.data, f.doneOf(m)))
}

// begun returns the message of which fragments are to come.
func (f *figure) begun() *outgoing {
	if f.partial != nil && !f.partial.whole {
		return f.partial
	}
	return nil
}

// doneOf is the Done of m.
func (f *figure) doneOf(m *outgoing) func(error) {
	return func(err error) {
		f.w.mu.Lock()
		defer f.w.mu.Unlock()
		m.told++
		m.err = err
		if f.closed != nil {
			f.w.t.Errorf("Done of %.7q after Close", m.data)
		}
	}
}

// sent notes what came of a send.
func (f *figure) sent(m *outgoing, err error) {
	switch {
	case err == nil:
		f.said = append(f.said, m)
	case errors.Is(err, ErrBacklogFull):
		m.asked = false
	case errors.Is(err, net.ErrClosed):
		m.asked = false
		if s := f.c.State(); s == Open {
			f.w.t.Errorf("a send on a connection that is %v: %v", s, err)
		}
	default:
		f.w.t.Errorf("send: %v", err)
	}
	if err != nil { // it must not be told, ever
		f.refused = append(f.refused, m)
	}
}

// part sends a fragment.
func (f *figure) part(n int) {
	if f.writer != nil {
		return
	}
	if m := f.begun(); m != nil {
		more := label('+', 0, n)
		if f.c.SendWith(Text, more, SendOptions{More: true}) == nil {
			m.data = append(m.data, more...)
		}
		return
	}
	m := &outgoing{kind: Kind(1 + n%2), data: label('s', len(f.said), n)}
	if f.sent(m, f.c.SendWith(m.kind, m.data, SendOptions{More: true})); len(f.said) > 0 && f.said[len(f.said)-1] == m {
		f.partial = m
	}
}

// hurry is a context that ends as soon as somebody waits.
type hurry struct{ asked bool }

func (h *hurry) Err() error {
	if h.asked {
		return context.Canceled
	}
	h.asked = true
	return nil
}

func (*hurry) Done() <-chan struct{}       { return past }
func (*hurry) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*hurry) Value(any) any               { return nil }

var past = func() chan struct{} { ch := make(chan struct{}); close(ch); return ch }()

// write has a Writer go on, if it needn't wait: it is the loop that it would wait for.
func (f *figure) write(n int) {
	w := f.writer
	if w == nil {
		if f.begun() != nil {
			return
		}
		w = f.c.newWriter(new(hurry), nil, Kind(1+n%2))
	}
	w.ctx.(*hurry).asked = false
	switch {
	case f.writer != nil && n%4 == 0:
		if w.Close() == nil {
			f.partial.whole = true
			f.writer = nil
		}
	case f.writer != nil:
		more := label('+', 0, n%3000)
		k, _ := w.Write(more)
		f.partial.data = append(f.partial.data, more[:k]...)
	default:
		m := &outgoing{kind: w.kind, data: label('s', len(f.said), n%3000)}
		if k, err := w.Write(m.data); err == nil && k == len(m.data) {
			f.sent(m, nil)
			f.partial, f.writer = m, w
		}
	}
}

func (f *figure) ping(n int) {
	if b := label('p', len(f.pings), n); f.c.Ping(b) == nil {
		f.pings = append(f.pings, b)
	}
}

func (f *figure) pong(n int) {
	if b := label('u', len(f.pongs), n); f.c.Pong(b) == nil {
		f.pongs = append(f.pongs, b)
	}
}

func (f *figure) shut(code StatusCode) {
	open := f.c.State() == Open
	err := f.c.Close(code, "")
	switch {
	case err == nil:
		f.shuts = append(f.shuts, int(code))
	case !errors.Is(err, net.ErrClosed) || open && !f.w.free && f.c.State() == Open:
		f.w.t.Errorf("Close: %v", err)
	}
}

func (w *world) publish(topic, n int) {
	p := publication{topic: topic, data: label(byte('0'+topic), len(w.pubs), n)}
	w.pubs = append(w.pubs, p)
	most := w.topics[topic].Len() // while mu is held none comes; one may leave
	if queued := w.topics[topic].Publish(Binary, p.data); queued > most {
		w.t.Errorf("published to %d of %d", queued, most)
	}
}

func (f *figure) subscribe(topic int, oldest bool) {
	if f.window(topic) != nil {
		return
	}
	o := SubscribeOptions{}
	if oldest {
		o.Overflow = DropOldest
	}
	f.windows = append(f.windows, modelWindow{topic, len(f.w.pubs), -1, oldest})
	if err := f.w.topics[topic].SubscribeWith(f.c, o); err != nil {
		if !errors.Is(err, net.ErrClosed) {
			f.w.t.Errorf("subscribe: %v", err)
		}
		f.windows = f.windows[:len(f.windows)-1]
	}
}

func (f *figure) unsubscribe(topic int) {
	f.w.topics[topic].Unsubscribe(f.c)
	if win := f.window(topic); win != nil {
		win.to = len(f.w.pubs)
	}
}

func (f *figure) window(topic int) *modelWindow {
	for i := range f.windows {
		if win := &f.windows[i]; win.topic == topic && win.to < 0 {
			return win
		}
	}
	return nil
}

// The callbacks, and their rules.

func (f *figure) hear(m Message) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	got := append([]byte{byte(m.Kind)}, m.Data...)
	n := len(f.heard)
	if f.heard = append(f.heard, got); n >= len(f.want.messages) {
		f.want = f.reference()
	}
	if n >= len(f.want.messages) || !bytes.Equal(f.want.messages[n], got) {
		f.w.t.Errorf("message %d is %.20q, which was not sent so", n, got)
	}
	if f.endedHere() {
		f.w.t.Errorf("message %d behind our Close", n)
	}
}

// endedHere reports whether no message may come any more. In a step of another goroutine that is too early to say.
func (f *figure) endedHere() bool { return !f.w.free && (len(f.shuts) > 0 || f.killed) }

func (f *figure) note(list *[][]byte, b []byte) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	*list = append(*list, bytes.Clone(b))
}

// drop is told of a message of ours that was dropped. One that was refused has no number of its own.
func (f *figure) drop(b []byte) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if f.w.strict && !slices.ContainsFunc([]byte("012"), func(c byte) bool { return len(b) > 0 && b[0] == c }) {
		f.w.t.Errorf("%.7q is dropped, though the peer's connection would be closed first", b)
	}
}

func (f *figure) close(err error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	if !errors.As(err, &f.closed) {
		return // the rules say so
	}
	want, e := f.reference(), f.closed
	code := int(e.Code)
	switch {
	case e.Peer && code != 1006 && (want.violates || want.code != code):
		f.w.t.Errorf("closed with the peer's %v, which it did not send", e)
	case !e.Peer && (code == 1002 || code == 1007 || code == 1009) && (!want.violates || want.code != code):
		f.w.t.Errorf("closed with %v for a peer that did nothing wrong", e)
	case !e.Peer && code == 1011 && f.panics == 0:
		f.w.t.Errorf("closed with %v, though nothing has panicked", e)
	case !e.Peer && code == 1001 && !f.w.away && !slices.Contains(f.shuts, code):
		f.w.t.Errorf("closed with %v, though the server goes on", e)
	}
}

// complete has the program and the peer do what is left.
func (w *world) complete(f *figure) {
	f.send(len(f.pending))
	for f.receive(1 << 16) {
	}
	if !f.opened.Load() {
		return
	}
	w.mu.Lock()
	f.c.Resume()
	f.paused = false
	if f.writer != nil {
		f.write(4)
	} else if f.begun() != nil {
		f.say(10, false, func(k Kind, b []byte, _ func(error)) error { return f.c.Send(k, b) })
	}
	w.mu.Unlock()
}
