package engine

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
)

// The addresses of both ends, however the connection came; the peer's stays.
func TestAddrs(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{})
		s := r.serve(t, h, nil)
		p := s.open()
		c := s.only()
		if r.door == unixed {
			if got := c.RemoteAddr().Network(); got != "unix" {
				t.Errorf("RemoteAddr is of %s", got)
			}
		} else if got, want := c.RemoteAddr().String(), p.nc.LocalAddr().String(); got != want {
			t.Errorf("RemoteAddr is %s, want %s", got, want)
		}
		if got, want := c.LocalAddr().String(), p.nc.RemoteAddr().String(); got != want {
			t.Errorf("LocalAddr is %s, want %s", got, want)
		}
		remote := c.RemoteAddr().String()
		p.closing()
		within(t, "Close", ended)
		if got := c.RemoteAddr().String(); got != remote {
			t.Errorf("RemoteAddr is %s after the end, was %s", got, remote)
		}
		if got := c.LocalAddr(); got != nil {
			t.Errorf("LocalAddr is %v after the end", got)
		}
	})
}

// Addresses lose nothing by being packed.
func TestCompactAddr(t *testing.T) {
	for _, s := range []string{"1.2.3.4:80", "[::1]:65535", "[2001:db8::1]:443", "0.0.0.0:1", "[::]:0"} {
		want := netip.MustParseAddrPort(s)
		if got := compact(want).addrPort(); got != want {
			t.Errorf("%v became %v", want, got)
		}
	}
	if got, want := compact(netip.MustParseAddrPort("[::ffff:1.2.3.4]:5")).addrPort(), netip.MustParseAddrPort("1.2.3.4:5"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := compact(netip.AddrPort{}).addrPort(); got.IsValid() {
		t.Errorf("none became %v", got)
	}
}

// IDs are unique; states have names.
func TestIDsAndStates(t *testing.T) {
	s := usual.serve(t, Handler{}, nil)
	seen := map[uint64]bool{}
	for range 10 {
		s.open().closing()
	}
	s.rules.conns.Range(func(k, _ any) bool {
		c := k.(*Conn)
		if c.ID() == 0 || seen[c.ID()] {
			t.Errorf("ID %d", c.ID())
		}
		seen[c.ID()] = true
		return true
	})
	if got := fmt.Sprint(Connecting, Open, Closing, Closed); got != "connecting open closing closed" {
		t.Errorf("got %s", got)
	}
	if Connecting != 0 || Open != 1 || Closing != 2 || Closed != 3 {
		t.Error("the numbers of the states are not those of browsers")
	}
	if got := fmt.Sprint(Text, Binary, Kind(9)); got != "text binary Kind(9)" {
		t.Errorf("got %s", got)
	}
}

// What is published while a fragmented message is being sent waits by the policy of its subscription.
func TestHeldPolicies(t *testing.T) {
	for _, tc := range []struct {
		policy Overflow
		want   []string // of ten publications of 98 bytes, with room for five; their keys alternate
	}{
		{DropNewest, []string{"0", "1", "2", "3", "4"}},
		{DropOldest, []string{"5", "6", "7", "8", "9"}},
		{Conflate, []string{"8", "9"}},
	} {
		t.Run(fmt.Sprint(tc.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dropped int
				r := rig{loops: 1, streams: true}
				s := r.make(t, Handler{Drop: func(*Conn, Message) { dropped++ }}, &Options{MaxBacklogBytes: 500, KeepAlive: -1})
				p := s.pipe()
				p.shake("/")
				c := s.only()
				var top Topic
				if err := top.SubscribeWith(c, SubscribeOptions{Overflow: tc.policy}); err != nil {
					t.Fatal(err)
				}
				c.SendWith(Text, []byte("one "), SendOptions{More: true})
				p.frame()
				for i := range 10 {
					b := make([]byte, 98)
					b[0] = byte('0' + i)
					top.PublishWith(Binary, b, PublishOptions{Key: fmt.Sprint(i % 2)})
					synctest.Wait()
				}
				c.SendWith(Text, []byte("message"), SendOptions{})
				p.frame()
				var got []string
				for range tc.want {
					got = append(got, string(p.frame().payload[:1]))
				}
				if fmt.Sprint(got) != fmt.Sprint(tc.want) {
					t.Errorf("got %v, want %v", got, tc.want)
				}
				synctest.Wait()
				if dropped != 10-len(tc.want) || s.Metrics().Dropped != uint64(dropped) {
					t.Errorf("%d × Drop, %d in Metrics", dropped, s.Metrics().Dropped)
				}
				p.closing()
			})
		})
	}
}

// What waits for the end of a fragmented message is bounded in frames too, is charged, and is not looked through for each.
func TestHeldFrames(t *testing.T) {
	const n = 10_000
	for _, policy := range []Overflow{DropNewest, DropOldest, Conflate} {
		synctest.Test(t, func(t *testing.T) {
			s := rig{loops: 1, streams: true}.make(t, Handler{}, &Options{MaxBacklogBytes: 100_000, KeepAlive: -1})
			p := s.pipe()
			p.shake("/")
			c := s.only()
			var top Topic
			if err := top.SubscribeWith(c, SubscribeOptions{Overflow: policy}); err != nil {
				t.Fatal(err)
			}
			c.SendWith(Text, []byte("one "), SendOptions{More: true})
			p.frame()
			for i := range n {
				top.PublishWith(Binary, nil, PublishOptions{Key: fmt.Sprint(i % 1000)})
			}
			synctest.Wait()
			frames := choose(policy == Conflate, "1000", fmt.Sprint(100_000/minFrameCost))
			m := s.Metrics()
			c.mu.Lock()
			got := fmt.Sprint(c.more.held.Len())
			c.mu.Unlock()
			if got != frames || m.Dropped == 0 || m.Dropped != top.Dropped() || m.Memory < 64_000 {
				t.Errorf("%v: %s frames wait, want %s; %d bytes are charged; %+v, %d of the topic", policy, got, frames, m.Memory, m.Drops, top.Dropped())
			}
			c.SendWith(Text, []byte("message"), SendOptions{})
			p.frame()
			for range n - int(m.Dropped) {
				if f := p.frame(); f.op != opBinary {
					t.Fatalf("got %v", f)
				}
			}
			p.closing()
			synctest.Wait()
			if m := s.Metrics(); m.Memory != 0 {
				t.Errorf("%v: %d bytes are charged at the end", policy, m.Memory)
			}
		})
	}
}

// The counters of the loops add up to those of the Server.
func TestLoopMetrics(t *testing.T) {
	r := rig{loops: 3, door: listened}
	s := r.serve(t, echo, nil)
	for range 6 {
		p := s.open()
		p.sendText("x")
		p.wantText("x")
		p.closing()
	}
	s.idle()
	loops := s.LoopMetrics()
	var messages, upgraded uint64
	for _, l := range loops {
		messages += l.MessagesIn
		upgraded += l.Upgraded
	}
	if m := s.Metrics(); len(loops) != 3 || messages != 6 || upgraded != 6 || m.MessagesIn != 6 {
		t.Errorf("got %+v of %+v", loops, m)
	}
}

// A nil Log is slog's default, and none of it is needed for a test to pass.
func TestNilEverything(t *testing.T) {
	home(t)
	s, err := New(Handler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, nc)
	p.shake("/any/path")
	p.sendText("nobody listens")
	p.send(opPinged, []byte("but the engine"))
	p.want(opPonged, []byte("but the engine"))
	p.closing()
	s.Close()
	<-served
}
