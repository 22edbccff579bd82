package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirws/weir/codec"
)

// verse is text of n bytes that gets shorter, and that says whose it is.
func verse(who string, i, n int) []byte {
	b := fmt.Appendf(nil, "%s %d ", who, i)
	for len(b) < n {
		b = fmt.Appendf(b, `{"by":%q,"line":%d,"price":%d.%02d},`, who, i, (i*7919+len(b))%1000, i%100)
	}
	return b[:n]
}

// TestCompressedBothEnds has our client and our server send to each other from many goroutines at once, with
// publications and prepared messages between: everything arrives, that of each sender in its order.
func TestCompressedBothEnds(t *testing.T) {
	const senders, each = 4, 60
	for _, class := range []Compression{CompressionShared, Compression1K, Compression32K} {
		for _, inline := range []bool{false, true} {
			t.Run(fmt.Sprint(class, choose(inline, " inline", " workers")), func(t *testing.T) {
				r := rig{inline: inline, loops: 2, door: listened}
				var top Topic
				var mu sync.Mutex
				next := map[string]int{}
				count := 0
				take := func(side string) func(c *Conn, m Message) {
					return func(c *Conn, m Message) {
						var who string
						var i int
						if _, err := fmt.Sscanf(string(m.Data[:min(40, len(m.Data))]), "%s %d", &who, &i); err != nil {
							t.Errorf("%s got %.80q: %v", side, m.Data, err)
							return
						}
						if !bytes.Equal(m.Data, verse(who, i, len(m.Data))) {
							t.Errorf("%s got another message: %.80q", side, m.Data)
						}
						mu.Lock()
						defer mu.Unlock()
						if key := side + who; next[key] != i {
							t.Errorf("%s: message %d of %s, want %d", side, i, who, next[key])
						} else {
							next[key]++
						}
						count++
					}
				}
				s := r.serve(t, Handler{Open: top.Subscribe, Message: take("server")}, &Options{Compression: class, MaxBacklogBytes: -1})
				cl := r.client(t, Handler{Message: take("client")}, &Options{Compression: class, MaxBacklogBytes: -1})
				c, err := cl.Dial(context.Background(), "ws://"+s.addr+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(c.Extensions(), "permessage-deflate") {
					t.Fatalf("agreed on %q", c.Extensions())
				}
				at := s.only()
				eventually(t, "it subscribes", func() bool { return top.Len() == 1 })
				var all sync.WaitGroup
				send := func(name string, f func(b []byte) error) {
					all.Go(func() {
						for i := range each {
							if err := f(verse(name, i, 50+i*i)); err != nil {
								t.Errorf("%s: %v", name, err)
							}
						}
					})
				}
				for n := range senders {
					send(fmt.Sprint("s", n), func(b []byte) error { return at.Send(Text, b) })
					send(fmt.Sprint("c", n), func(b []byte) error { return c.Send(Binary, b) })
				}
				send("prepared", func(b []byte) error {
					p, err := Prepare(Text, b)
					return errors.Join(err, at.SendPrepared(p))
				})
				send("c-prepared", func(b []byte) error {
					p, err := Prepare(Text, b)
					return errors.Join(err, c.SendPrepared(p))
				})
				send("never", func(b []byte) error { return at.SendWith(Text, b, SendOptions{Compress: CompressNever}) })
				send("published", func(b []byte) error {
					if top.Publish(Text, b) != 1 {
						return errors.New("it was published to nobody")
					}
					return nil
				})
				all.Wait()
				eventually(t, "all arrive", func() bool {
					mu.Lock()
					defer mu.Unlock()
					return count == each*(2*senders+4)
				})
			})
		}
	}
}

// TestCompressedFragments: a message in fragments is sent as it is, and what waits for its end comes after it.
func TestCompressedFragments(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{}, &Options{Compression: Compression4K})
		p := s.zipped(offerDeflate)
		c := s.only()
		m := verse("a", 1, 1000)
		prepared, err := Prepare(Text, m)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.Send(Text, m)
			p.want(opText, m)
			c.SendWith(Text, m, SendOptions{More: true})
			c.SendPrepared(prepared) // it is the last fragment
			for i, op := range []byte{opText, opCont} {
				if f := p.frame(); f.op != op || f.fin != (i == 1) || !bytes.Equal(f.payload, m) {
					t.Fatalf("got %v", f)
				}
			}
		}
		p.closing()
	})
}

// TestCompressionOptions: those that make no sense are refused.
func TestCompressionOptions(t *testing.T) {
	for _, o := range []Options{{Compression: 7}, {CompressionLevel: 10}, {CompressionLevel: -1}} {
		if _, err := New(Handler{}, &o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	for k := CompressionOff; k <= Compression32K; k++ {
		if got, err := ParseCompression(k.String()); got != k || err != nil {
			t.Errorf("%v: got %v, %v", k, got, err)
		}
	}
	if k, err := ParseCompression("2k"); err == nil {
		t.Errorf("2k is %v", k)
	}
}

// TestCompressionThreshold: short messages go as they are, unless they are to be compressed.
func TestCompressionThreshold(t *testing.T) {
	s := usual.serve(t, Handler{}, &Options{Compression: CompressionShared, CompressionThreshold: 500})
	p := s.zipped(offerDeflate)
	c := s.only()
	for _, tt := range []struct {
		n      int
		o      Compress
		packed bool
	}{
		{499, CompressAuto, false}, {500, CompressAuto, true}, {499, CompressAlways, true},
		{5000, CompressNever, false}, {0, CompressAlways, false}, {2, CompressAlways, false},
	} {
		before := p.zip.packed
		m := verse("a", 1, tt.n)
		if err := c.SendWith(Text, m, SendOptions{Compress: tt.o}); err != nil {
			t.Fatal(err)
		}
		p.want(opText, m)
		if packed := p.zip.packed > before; packed != tt.packed {
			t.Errorf("%d bytes, %d: compressed %t", tt.n, tt.o, packed)
		}
	}
	p.closing()
}

// TestCompressionLevel: a higher one makes messages shorter.
func TestCompressionLevel(t *testing.T) {
	var text bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&text, "%d %x; ", i*i, i%97)
	}
	var sizes []int
	for _, level := range []int{1, 9} {
		s := usual.serve(t, Handler{}, &Options{Compression: CompressionShared, CompressionLevel: level})
		p := s.zipped(offerDeflate)
		if err := s.only().Send(Text, text.Bytes()); err != nil {
			t.Fatal(err)
		}
		f, err := p.next() // as it is on the wire
		if err != nil || f.rsv == 0 {
			t.Fatalf("got %v, %v", f, err)
		}
		sizes = append(sizes, len(f.payload))
		p.closing()
	}
	if sizes[1] >= sizes[0] {
		t.Errorf("at levels 1 and 9: %d bytes", sizes)
	}
}

// TestClientOffers what it was told to, and takes no answer that does not fit.
func TestClientOffers(t *testing.T) {
	for _, tt := range []struct {
		class  Compression
		answer string
		ok     bool
	}{
		{CompressionShared, "permessage-deflate; server_no_context_takeover", true},
		{CompressionShared, "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9", true},
		{CompressionShared, "", true},
		{CompressionShared, "permessage-deflate", false}, // it keeps what it was asked not to
		{Compression4K, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10", true},
		{Compression4K, "permessage-deflate", false},
		{Compression4K, "permessage-deflate; server_max_window_bits=13", false},
		{Compression32K, "permessage-deflate", true},
		{Compression32K, "permessage-deflate; server_max_window_bits=7", false},
		{Compression32K, "permessage-deflate; client_max_window_bits", false},
		{Compression32K, "permessage-deflate; x", false},
		{Compression32K, "permessage-deflate, permessage-deflate", false},
		{Compression32K, "permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate", false},
		{Compression32K, "x-webkit-deflate-frame", false},
		{Compression32K, `x; y="permessage-deflate"`, false},
		{CompressionOff, "permessage-deflate", false},
	} {
		cl := usual.client(t, Handler{}, &Options{Compression: tt.class})
		url := fake(t, func(key string) string {
			if tt.answer == "" {
				return switching(key)
			}
			return switching(key, "Sec-WebSocket-Extensions: "+tt.answer)
		}, nil)
		c, err := cl.Dial(context.Background(), url, nil)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, codec.ErrHandshake) {
			t.Errorf("%v answered with %q: %v", tt.class, tt.answer, err)
		}
		if c == nil {
			continue
		}
		if (c.Extensions() == "") != (tt.answer == "") {
			t.Errorf("%v answered with %q: agreed on %q", tt.class, tt.answer, c.Extensions())
		}
		c.CloseNow()
	}
}

// TestCompressedDrop: a message that a backlog throws out is shown as it was sent, and those that stay are whole.
func TestCompressedDrop(t *testing.T) {
	var mu sync.Mutex
	var dropped map[string]bool
	h := Handler{Drop: func(_ *Conn, m Message) {
		mu.Lock()
		defer mu.Unlock()
		dropped[string(m.Data)] = true
	}}
	o := Options{Compression: Compression32K, Overflow: DropOldest, MaxBacklogBytes: 4 << 10}
	gather(t, h, o, func(cr *crowd) {
		dropped = map[string]bool{}
		p, c := cr.openZipped()
		if !strings.Contains(c.Extensions(), "server_no_context_takeover") {
			t.Errorf("messages that may be dropped are referred to: %q", c.Extensions())
		}
		sent := 0
		for ; len(dropped) < 5; sent++ {
			if err := c.Send(Text, verse("a", sent, 3000)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		c.Close(1000, "")
		got := map[string]bool{}
		for f := p.frame(); f.op != opClosed; f = p.frame() {
			got[string(f.payload)] = true
		}
		p.sendClose(1000, "")
		p.gone()
		for i := range sent {
			if m := string(verse("a", i, 3000)); got[m] == dropped[m] {
				t.Errorf("message %d: arrived %t, dropped %t", i, got[m], dropped[m])
			}
		}
		if len(got)+len(dropped) != sent {
			t.Errorf("%d arrived and %d were dropped of %d", len(got), len(dropped), sent)
		}
	})
}

// TestWindowsAreGivenBack: that of what we sent, after a while without; that of the peer stays, since it may refer to it.
func TestWindowsAreGivenBack(t *testing.T) {
	gather(t, echo, Options{Compression: Compression8K}, func(cr *crowd) {
		p, c := cr.openZipped()
		talk := func() {
			for i := range 20 {
				m := verse("a", i, 1000)
				go p.send(opText, m)
				p.want(opText, m)
			}
			synctest.Wait()
		}
		talk()
		if got := cr.memory(); got < 16<<10 || got > 17<<10 {
			t.Errorf("%d bytes are held, want two windows", got)
		}
		time.Sleep(wearyTicks/2*tick + 2*time.Second)
		if got := cr.memory(); got < 16<<10 {
			t.Errorf("%d bytes are held after half of the time", got)
		}
		time.Sleep(wearyTicks/2*tick + 2*time.Second)
		if got := cr.memory(); got < 8<<10 || got > 9<<10 {
			t.Errorf("%d bytes are held, want one window", got)
		}
		talk() // it goes on
		c.CloseNow()
		p.gone()
	})
}

// TestWindowsAreShed: windows count against the budget. When it is short ours are given back, and when that is not enough
// those connections are closed that have the peers'.
func TestWindowsAreShed(t *testing.T) {
	o := roomy()
	o.MemoryBudget, o.Compression = 1<<20, Compression32K
	gather(t, echo, o, func(cr *crowd) {
		var peers []*peer
		for range 24 { // two windows each would be one and a half times the budget
			p, _ := cr.openZipped()
			peers = append(peers, p)
		}
		for _, p := range peers {
			go func() {
				for i := range 40 {
					if _, err := p.nc.Write(maskedFrame(0xc1, p.zip.deflate(verse("a", i, 1000)))); err != nil {
						return
					}
				}
			}()
			go func() {
				for {
					if _, err := p.next(); err != nil {
						return
					}
				}
			}()
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if m := cr.s.Metrics(); m.Memory > 1<<20 || m.Conns < 20 {
			t.Errorf("%d bytes are held by %d connections", m.Memory, m.Conns)
		}
		for _, p := range peers {
			p.nc.Close()
		}
	})
}

// openZipped is open with a peer that compresses.
func (cr *crowd) openZipped() (*peer, *Conn) {
	cr.t.Helper()
	known := map[*Conn]bool{}
	for c := range cr.s.Conns() {
		known[c] = true
	}
	p := cr.s.pipe()
	p.zip = newZipper("permessage-deflate")
	p.zip.alone = true
	p.zip.offer = offerDeflate
	p.shake("/")
	p.nc.SetDeadline(time.Time{})
	synctest.Wait()
	for c := range cr.s.Conns() {
		if !known[c] {
			return p, c
		}
	}
	cr.t.Fatal("the connection is not there")
	return nil, nil
}
