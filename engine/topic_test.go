package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// stamp is a publication: who published, and which of his it is.
func stamp(who, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(who))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// Every subscriber gets what each publisher publishes, all of it, in his order.
func TestTopicOrder(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 3
		var top Topic
		s := r.serve(t, Handler{Open: top.Subscribe}, &Options{MaxBacklogBytes: -1})
		const subscribers, publishers, each = 12, 4, 500
		var peers []*peer
		for range subscribers {
			peers = append(peers, s.open())
		}
		eventually(t, "all subscribe", func() bool { return top.Len() == subscribers })
		var all sync.WaitGroup
		for w := range publishers {
			all.Go(func() {
				for i := range each {
					if n := top.Publish(Binary, stamp(w, i)); n != subscribers {
						t.Errorf("published to %d", n)
					}
				}
			})
		}
		for _, p := range peers {
			all.Go(func() {
				var next [publishers]uint32
				for range publishers * each {
					f, err := p.next()
					if err != nil || f.op != opBinary || len(f.payload) != 8 {
						t.Errorf("got %v, %v", f, err)
						return
					}
					w, i := binary.BigEndian.Uint32(f.payload), binary.BigEndian.Uint32(f.payload[4:])
					if i != next[w] {
						t.Errorf("publisher %d: got %d, want %d", w, i, next[w])
						return
					}
					next[w]++
				}
			})
		}
		all.Wait()
		if m := s.Metrics(); m.Deliveries != subscribers*publishers*each || m.Dropped != 0 {
			t.Errorf("got %+v", m)
		}
		for _, p := range peers {
			p.closing()
		}
		eventually(t, "all have left", func() bool { return top.Len() == 0 })
		if n := top.Publish(Text, nil); n != 0 {
			t.Errorf("published to %d that are closed", n)
		}
	})
}

// PublishFrom leaves one out, whether it subscribes or not.
func TestTopicExcept(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		var top Topic
		s := r.serve(t, Handler{
			Open:    top.Subscribe,
			Message: func(c *Conn, m Message) { c.SendText(strconv.Itoa(top.PublishFrom(c, m.Kind, m.Data))) },
		}, nil)
		a, b, out := s.open(), s.open(), s.open()
		eventually(t, "all subscribe", func() bool { return top.Len() == 3 })
		a.sendText("from a")
		b.wantText("from a")
		out.wantText("from a")
		a.wantText("2")
		var last *Conn
		for c := range s.Conns() {
			if last == nil || c.ID() > last.ID() {
				last = c
			}
		}
		top.Unsubscribe(last)
		top.Unsubscribe(last)
		if top.Len() != 2 {
			t.Errorf("Len is %d", top.Len())
		}
		out.sendText("from outside")
		a.wantText("from outside")
		b.wantText("from outside")
		out.wantText("2")
		for _, p := range []*peer{a, b, out} {
			p.closing()
		}
	})
}

// To subscribe twice is to subscribe once.
func TestTopicTwice(t *testing.T) {
	var top Topic
	s := usual.serve(t, Handler{Open: top.Subscribe}, nil)
	p := s.open()
	c := s.only()
	eventually(t, "it subscribes", func() bool { return top.Len() == 1 })
	top.Subscribe(c)
	if top.Len() != 1 {
		t.Errorf("Len is %d", top.Len())
	}
	if n := top.Publish(Text, []byte("once")); n != 1 {
		t.Errorf("published to %d", n)
	}
	p.wantText("once")
	p.closing()
	s.idle()
	top.Subscribe(c)
	if top.Len() != 0 {
		t.Errorf("a closed one subscribes")
	}
	top.Unsubscribe(c)
}

// Subscribe, Unsubscribe, Publish, Close at random, by many: the count is right at the end, and nobody gets anything
// that he did not subscribe to.
func TestTopicRaces(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 3
		var tops [3]Topic
		s := r.serve(t, Handler{}, nil)
		const n = 20
		var peers []*peer
		for range n {
			peers = append(peers, s.open())
		}
		eventually(t, "all are open", func() bool { return s.Metrics().Conns == n })
		var conns []*Conn
		for c := range s.Conns() {
			conns = append(conns, c)
		}
		var readers, all sync.WaitGroup
		for _, p := range peers {
			readers.Go(func() {
				for {
					f, err := p.next()
					if err != nil {
						return
					}
					if f.op == opClosed {
						_, _ = p.nc.Write(maskedFrame(0x88, f.payload))
					}
				}
			})
		}
		for g := range 4 {
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(g), 1))
				for i := range 1500 {
					c, top := conns[rnd.IntN(n)], &tops[rnd.IntN(3)]
					switch rnd.IntN(12) {
					case 0:
						if i > 1000 {
							c.Close(1000, "")
						}
					case 1, 2, 3, 4:
						top.Subscribe(c)
					case 5, 6, 7, 8:
						top.Unsubscribe(c)
					case 9:
						top.PublishFrom(c, Text, []byte("x"))
					default:
						top.Publish(Text, []byte("x"))
					}
				}
			})
		}
		all.Wait()
		for i := range tops {
			want := 0
			for _, c := range conns {
				if tops[i].has(c) {
					want++
				}
			}
			// Those that are closing leave when they are closed.
			if got := tops[i].Len(); got != want && s.Metrics().Conns == n {
				t.Errorf("topic %d: Len is %d, %d subscribe", i, got, want)
			}
		}
		for _, c := range conns {
			c.Close(1000, "")
		}
		s.idle()
		readers.Wait()
		for i := range tops {
			if got := tops[i].Len(); got != 0 {
				t.Errorf("topic %d: %d are left", i, got)
			}
		}
	})
}

// One more than MaxTopics closes with 1008.
func TestHostile63MaxTopics(t *testing.T) {
	h, ended := ends(Handler{})
	s := usual.serve(t, h, &Options{MaxTopics: 100})
	p := s.open()
	c := s.only()
	tops := make([]Topic, 101)
	for range 3 { // room comes back
		for i := range 100 {
			tops[i].Subscribe(c)
		}
		for i := range 100 {
			tops[i].Unsubscribe(c)
		}
	}
	if c.subs != nil {
		t.Error("a connection without topics keeps a list of them")
	}
	for i := range tops {
		tops[i].Subscribe(c)
	}
	p.wantClose(1008)
	p.sendClose(1008, "")
	p.gone()
	if e := within(t, "Close", ended); e.Code != StatusPolicyViolation {
		t.Errorf("got %+v", e)
	}
	for i := range tops {
		eventually(t, "it has left", func() bool { return tops[i].Len() == 0 })
	}
}

// A topic that nobody holds and nobody subscribes to is forgotten; one with a subscriber is not.
func TestTopicNames(t *testing.T) {
	s := usual.serve(t, Handler{}, nil)
	p := s.open()
	c := s.only()
	held := s.Topic("held")
	s.Topic("subscribed").Subscribe(c)
	for i := range 10_000 {
		s.Topic(fmt.Sprint("name ", i))
	}
	count := func() int {
		s.topics.mu.Lock()
		defer s.topics.mu.Unlock()
		return len(s.topics.topics)
	}
	eventually(t, "10,000 names are forgotten", func() bool { runtime.GC(); return count() == 2 })
	if s.Topic("held") != held {
		t.Error("a topic that is held was forgotten")
	}
	runtime.KeepAlive(held)
	if n := s.Topic("subscribed").Publish(Text, []byte("x")); n != 1 {
		t.Errorf("published to %d", n)
	}
	p.wantText("x")
	p.closing()
	s.idle()
	c = nil
	eventually(t, "all names are forgotten", func() bool { runtime.GC(); return count() == 0 })
}

// The same name is the same topic, for all that ask at once.
func TestTopicNamesAtOnce(t *testing.T) {
	home(t)
	s, err := New(Handler{}, &Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all sync.WaitGroup
	var wrong atomic.Int32
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				a, b := s.Topic(fmt.Sprint(i%7)), s.Topic(fmt.Sprint(i%7))
				if a != b {
					wrong.Add(1)
				}
				if i%100 == 0 {
					runtime.GC()
				}
			}
		})
	}
	all.Wait()
	if wrong.Load() != 0 {
		t.Errorf("%d times two topics of one name", wrong.Load())
	}
}

// A slow subscriber loses what its backlog does not hold; the others get all.
func TestHostile58SlowSubscriber(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		var top Topic
		var drops atomic.Int32
		s := r.serve(t, Handler{Open: top.Subscribe, Drop: func(*Conn, Message) { drops.Add(1) }}, &Options{MaxBacklogBytes: 1 << 16, Overflow: DropNewest})
		slow, quick := s.open(), s.open()
		eventually(t, "both subscribe", func() bool { return top.Len() == 2 })
		b := blob(1 << 16)
		n := 0
		for s.Metrics().Dropped == 0 {
			top.Publish(Binary, b)
			quick.want(opBinary, b)
			n++
		}
		for c := range s.Conns() {
			if c.Backlog() > 1<<17+20 {
				t.Errorf("%d bytes wait", c.Backlog())
			}
		}
		top.Publish(Binary, []byte("last"))
		quick.want(opBinary, []byte("last"))
		quick.closing()
		eventually(t, "Drop is called", func() bool { return drops.Load() > 0 })
		slow.want(opBinary, b)
	})
}

// Subscribers of several Servers and of Clients too.
func TestTopicAcross(t *testing.T) {
	var top Topic
	a, b := usual.serve(t, Handler{Open: top.Subscribe}, nil), rig{loops: 1, door: attached, inline: true}.serve(t, Handler{Open: top.Subscribe}, nil)
	p, q := a.open(), b.open()
	eventually(t, "both subscribe", func() bool { return top.Len() == 2 })
	if n := top.Publish(Text, []byte("to both")); n != 2 {
		t.Errorf("published to %d", n)
	}
	p.wantText("to both")
	q.wantText("to both")
	a.Close()
	eventually(t, "one has left", func() bool { return top.Len() == 1 })
	if n := top.Publish(Text, []byte("to one")); n != 1 {
		t.Errorf("published to %d", n)
	}
	q.wantText("to one")
	q.closing()
}

// What waits for a loop is bounded.
func TestPostsBounded(t *testing.T) {
	var top Topic
	r := rig{loops: 1, door: listened, inline: true}
	gate, open := newGate()
	defer open()
	held := make(chan bool, 1)
	s := r.serve(t, Handler{Open: top.Subscribe, Message: func(*Conn, Message) { held <- true; <-gate }}, &Options{MaxBacklogBytes: -1})
	p := s.open()
	eventually(t, "it subscribes", func() bool { return top.Len() == 1 })
	p.sendText("hold the loop")
	within(t, "the loop is held", held)
	sent := 0
	for range maxPosts + 100 {
		sent += top.Publish(Text, []byte("x"))
	}
	if sent != maxPosts {
		t.Errorf("%d wait, want %d", sent, maxPosts)
	}
	if got := s.Metrics().Dropped; got != 100 {
		t.Errorf("%d are dropped", got)
	}
	open()
	for range maxPosts {
		p.wantText("x")
	}
	p.closing()
}
