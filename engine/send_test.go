package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// The bytes given to Send are the caller's again when it returns.
func TestSendCopies(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		var buf [3000]byte
		s := r.serve(t, Handler{Message: func(c *Conn, _ Message) {
			for i := range 20 {
				for j := range buf {
					buf[j] = byte(i)
				}
				if err := c.Send(Binary, buf[:]); err != nil {
					t.Error(err)
				}
			}
			clear(buf[:])
		}}, nil)
		p := s.open()
		p.sendText("go")
		for i := range 20 {
			p.want(opBinary, bytes.Repeat([]byte{byte(i)}, 3000))
		}
		p.closing()
	})
}

// Many goroutines send: everything arrives once, and in the order of each.
func TestSendFromMany(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{}, &Options{MaxBacklogBytes: -1})
		p := s.open()
		c := s.only()
		const senders, each = 8, 300
		var all sync.WaitGroup
		for g := range senders {
			all.Go(func() {
				for i := range each {
					b := make([]byte, 8+(i%7)*(i%11)*150) // small ones, and some for the direct way
					binary.BigEndian.PutUint32(b, uint32(g))
					binary.BigEndian.PutUint32(b[4:], uint32(i))
					if err := c.Send(Binary, b); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var next [senders]int
		for range senders * each {
			f := p.frame()
			g, i := binary.BigEndian.Uint32(f.payload), int(binary.BigEndian.Uint32(f.payload[4:]))
			if i != next[g] || len(f.payload) != 8+(i%7)*(i%11)*150 {
				t.Fatalf("sender %d: got message %d of %d bytes, want %d", g, i, len(f.payload), next[g])
			}
			next[g]++
		}
		all.Wait()
		p.closing()
	})
}

func TestSendKinds(t *testing.T) {
	s := usual.serve(t, Handler{}, nil)
	p := s.open()
	c := s.only()
	for _, k := range []Kind{0, 3, 8, 9, 255} {
		if err := c.Send(k, nil); err == nil || errors.Is(err, net.ErrClosed) {
			t.Errorf("Send of kind %d: %v", k, err)
		}
		if _, err := Prepare(k, nil); err == nil {
			t.Errorf("Prepare of kind %d: %v", k, err)
		}
		var top Topic
		top.Subscribe(c)
		if n := top.Publish(k, nil); n != 0 {
			t.Errorf("Publish of kind %d reached %d", k, n)
		}
	}
	c.SendText("text")
	c.Send(Binary, nil)
	p.wantText("text")
	p.want(opBinary, nil)
	p.closing()
}

// Done is called once for each message: with nil behind those that were written, with an error otherwise.
func TestSendDone(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, size := range []int{0, 100, 10_000, 200_000} {
			var told, failed atomic.Int32
			h, ended := ends(Handler{})
			s := r.serve(t, h, &Options{MaxBacklogBytes: -1})
			p := s.open()
			c := s.only()
			const n = 100
			for range n {
				once := new(atomic.Bool)
				err := c.SendWith(Binary, blob(size), SendOptions{Done: func(err error) {
					if !once.CompareAndSwap(false, true) {
						t.Error("Done is called a second time")
					}
					if err != nil {
						failed.Add(1)
					}
					told.Add(1)
				}})
				if err != nil {
					t.Fatal(err)
				}
			}
			for range n {
				p.want(opBinary, blob(size))
			}
			eventually(t, "all are told", func() bool { return told.Load() == n })
			if failed.Load() != 0 {
				t.Errorf("%d of those that arrived are told otherwise", failed.Load())
			}
			p.closing()
			within(t, "Close", ended)
			if err := c.SendWith(Binary, nil, SendOptions{Done: func(error) { t.Error("Done is called for a send that failed") }}); err != net.ErrClosed {
				t.Errorf("got %v", err)
			}
			s.Close()
		}
	})
}

// Messages that will never be written are told so, once, before Close.
func TestSendDoneFails(t *testing.T) {
	for name, end := range map[string]func(c *Conn, p *peer){
		"CloseNow": func(c *Conn, _ *peer) { c.CloseNow() },
		"reset":    func(_ *Conn, p *peer) { p.reset() },
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, r rig) {
				var nils, errs atomic.Int32
				h, ended := ends(Handler{})
				s := r.serve(t, h, &Options{MaxBacklogBytes: -1})
				p := s.open()
				c := s.only()
				const n = 300
				sent := 0
				for range n { // much more than the sockets hold
					if err := c.SendWith(Binary, blob(100_000), SendOptions{Done: func(err error) {
						if err == nil {
							nils.Add(1)
						} else {
							errs.Add(1)
						}
					}}); err == nil {
						sent++
					}
				}
				end(c, p)
				within(t, "Close", ended)
				if got := nils.Load() + errs.Load(); int(got) != sent || errs.Load() == 0 {
					t.Errorf("%d sent, %d told nil, %d an error", sent, nils.Load(), errs.Load())
				}
			})
		})
	}
}

// Done runs in turn with the callbacks, and in the order of the sends.
func TestSendDoneInTurn(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		busy := false // the race detector sees what is not in turn
		var order []int
		finished := make(chan []int, 1)
		const n = 500
		s := r.serve(t, Handler{Message: func(c *Conn, m Message) {
			busy = !busy
			i := len(m.Data)
			c.SendWith(Binary, m.Data, SendOptions{Done: func(error) {
				busy = !busy
				if order = append(order, i); len(order) == n {
					finished <- order
				}
			}})
		}}, nil)
		p := s.open()
		go func() {
			for i := range n {
				p.send(opBinary, blob(i))
			}
		}()
		for i := range n {
			p.want(opBinary, blob(i))
		}
		for i, v := range within(t, "all are told", finished) {
			if i != v {
				t.Fatalf("the %dth to be told is %d", i, v)
			}
		}
		p.closing()
	})
}

func TestSendPrepared(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{}, nil)
		data := []byte("the same to all")
		pr, err := Prepare(Text, data)
		if err != nil {
			t.Fatal(err)
		}
		big, _ := Prepare(Binary, blob(70_000))
		clear(data) // Prepare has copied
		peers := make([]*peer, 10)
		for i := range peers {
			peers[i] = s.open()
		}
		eventually(t, "all are open", func() bool { return s.Metrics().Conns == 10 })
		var all sync.WaitGroup
		for c := range s.Conns() {
			all.Go(func() {
				for range 20 {
					c.SendPrepared(pr)
					c.Send(Binary, []byte("own"))
				}
				c.SendPrepared(big)
			})
		}
		for _, p := range peers {
			for range 20 {
				p.wantText("the same to all")
				p.want(opBinary, []byte("own"))
			}
			p.want(opBinary, blob(70_000))
		}
		all.Wait()
		for _, p := range peers {
			p.closing()
		}
	})
}

func TestSendJSON(t *testing.T) {
	s := usual.serve(t, Handler{Message: func(c *Conn, m Message) {
		var v struct{ N int }
		if err := m.JSON(&v); err != nil {
			c.SendText(err.Error())
			return
		}
		v.N++
		c.SendJSON(v)
	}}, nil)
	p := s.open()
	c := s.only()
	p.sendText(`{"N": 41}`)
	p.wantText(`{"N":42}`)
	p.sendText(`{"N"`)
	if f := p.frame(); !bytes.HasPrefix(f.payload, []byte("engine: message: ")) {
		t.Errorf("got %q", f.payload)
	}
	if err := c.SendJSON(math.Inf(1)); err == nil {
		t.Error("infinity has no JSON")
	}
	p.closing()
	if err := c.SendJSON(1); err != net.ErrClosed {
		t.Errorf("got %v", err)
	}
}

// Fragments are one message, whatever else is sent between them.
func TestSendFragments(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		p := s.open()
		c := s.only()
		var top Topic
		top.Subscribe(c)
		pr, _ := Prepare(Binary, []byte("prepared"))
		part := func(want wireFrame) {
			t.Helper()
			if f := p.frame(); f.fin != want.fin || f.op != want.op || !bytes.Equal(f.payload, want.payload) {
				t.Fatalf("got %v, want %v", f, want)
			}
		}
		c.SendWith(Text, []byte("a"), SendOptions{More: true})
		part(wireFrame{op: opText, payload: []byte("a")})
		c.SendWith(Binary, nil, SendOptions{More: true}) // the kind is that of the first
		part(wireFrame{op: opCont})
		c.SendWith(Text, blob(9000), SendOptions{More: true}) // the direct way
		part(wireFrame{op: opCont, payload: blob(9000)})
		p.send(opPinged, []byte("?"))
		p.want(opPonged, []byte("?"))
		if n := top.Publish(Text, []byte("published")); n != 1 {
			t.Errorf("published to %d", n)
		}
		eventually(t, "it is published", func() bool { return s.Metrics().Published == 1 })
		c.SendWith(Text, []byte("b"), SendOptions{More: true})
		part(wireFrame{op: opCont, payload: []byte("b")})
		c.SendPrepared(pr) // is the last fragment
		part(wireFrame{op: opCont, fin: true, payload: []byte("prepared")})
		p.wantText("published")
		c.Send(Binary, []byte("next"))
		p.want(opBinary, []byte("next"))
		p.closing()
	})
}

// A connection that ends within a fragmented message gives back what was published meanwhile.
func TestPublishIntoUnfinished(t *testing.T) {
	s := usual.serve(t, Handler{}, &Options{MaxBacklogBytes: 1000, Overflow: DropNewest})
	p := s.open()
	c := s.only()
	var top Topic
	top.Subscribe(c)
	c.SendWith(Text, []byte("a"), SendOptions{More: true})
	p.frame()
	for range 100 {
		top.Publish(Text, make([]byte, 98))
	}
	eventually(t, "all are published", func() bool { return s.Metrics().Published == 100 })
	if m := s.Metrics(); m.Deliveries != 10 || m.Dropped != 90 {
		t.Errorf("%d are held, %d dropped", m.Deliveries, m.Dropped)
	}
	p.closing()
}

// Do runs in turn with the callbacks, in order, also after Close.
func TestDo(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		var order []string // the race detector sees what is not in turn
		h, ended := ends(Handler{
			Message: func(_ *Conn, m Message) { order = append(order, m.String()) },
			Close:   func(*Conn, error) { order = append(order, "close") },
		})
		s := r.serve(t, h, nil)
		p := s.open()
		c := s.only()
		var ran sync.WaitGroup
		for i := range 100 {
			ran.Add(1)
			if err := c.Do(func() { order = append(order, fmt.Sprint(i)); ran.Done() }); err != nil {
				t.Error(err)
			}
			p.sendText("m")
		}
		ran.Wait()
		p.closing()
		within(t, "Close", ended)
		done := make(chan []string, 1)
		if err := c.Do(func() { done <- order }); err != nil {
			t.Error(err)
		}
		next, messages := 0, 0
		got := within(t, "Do after Close", done)
		for _, v := range got {
			switch v {
			case "m":
				messages++
			case fmt.Sprint(next):
				next++
			}
		}
		if next != 100 || messages != 100 || got[200] != "close" {
			t.Errorf("%d in order, %d messages: %v", next, messages, got)
		}
		s.Close()
		if err := c.Do(func() { t.Error("Do after the engine's end") }); err != net.ErrClosed {
			t.Errorf("got %v", err)
		}
	})
}

// A callback may write to what it is lent.
func TestLentMayBeWritten(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{Message: func(c *Conn, m Message) {
			for i := range m.Data {
				m.Data[i] ^= 0xff
			}
			c.Send(m.Kind, m.Data)
		}}, nil)
		p := s.open()
		p.write(join(maskedFrame(0x82, []byte{1, 2}), maskedFrame(0x82, []byte{3}), maskedFrame(0x82, blob(9000)), maskedFrame(0x82, []byte{4})))
		inverted := bytes.Clone(blob(9000))
		for i := range inverted {
			inverted[i] ^= 0xff
		}
		for _, want := range [][]byte{{0xfe, 0xfd}, {0xfc}, inverted, {0xfb}} {
			p.want(opBinary, want)
		}
		p.closing()
	})
}
