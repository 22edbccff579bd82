package engine

import (
	"fmt"
	"testing"
)

// hold holds up the only loop of s until the returned function is called.
func (s *running) hold() (open func()) {
	gate, open := newGate()
	held := make(chan bool)
	s.core.loops[0].poll.Do(func() { close(held); <-gate })
	<-held
	s.t.Cleanup(open)
	return open
}

// Who subscribes gets what is published from then on, and not what waits for his loop already.
func TestSubscribeBehindPublish(t *testing.T) {
	for _, inline := range []bool{false, true} {
		var top Topic
		s := rig{loops: 1, door: listened, inline: inline}.serve(t, Handler{}, nil)
		p := s.open()
		c := s.only()
		q := s.open()
		var d *Conn
		for x := range s.Conns() {
			if x != c {
				d = x
			}
		}
		top.Subscribe(c)
		open := s.hold()
		top.Publish(Text, []byte("before"))
		top.Subscribe(d)
		if n := top.Publish(Text, []byte("after")); n != 2 {
			t.Errorf("published to %d", n)
		}
		top.Unsubscribe(c)
		top.Subscribe(c)
		top.Publish(Text, []byte("last"))
		open()
		q.wantText("after")
		q.wantText("last")
		p.wantText("last")
		p.closing()
		q.closing()
	}
}

// However much is published, others get their turn in between.
func TestFanOutGivesWay(t *testing.T) {
	for _, posts := range []int{1, 100} {
		t.Run(fmt.Sprint(posts), func(t *testing.T) {
			const subscribers = 1500
			var top Topic
			s := rig{loops: 1, door: listened, inline: true}.serve(t, Handler{Open: top.Subscribe}, nil)
			var peers []*peer
			for range subscribers {
				peers = append(peers, s.open())
			}
			eventually(t, "all subscribe", func() bool { return top.Len() == subscribers })
			open := s.hold()
			for i := range posts {
				if n := top.Publish(Text, []byte(fmt.Sprint(i))); n != subscribers {
					t.Fatalf("published to %d", n)
				}
			}
			seen := make(chan Metrics, 1)
			s.core.loops[0].poll.Do(func() { seen <- s.Metrics() }) // behind the first turn, which follows the task that holds
			open()
			m := within(t, "a turn", seen)
			if m.FanOut.Count != 0 {
				t.Errorf("%d publications are written before others have their turn", m.FanOut.Count)
			}
			for _, p := range peers {
				for i := range posts {
					p.wantText(fmt.Sprint(i))
				}
			}
			eventually(t, "all is told", func() bool { return s.Metrics().FanOut.Count == uint64(posts) })
			if m := s.Metrics(); m.Deliveries != uint64(posts*subscribers) || s.Owed() != 0 {
				t.Errorf("%d deliveries, %d are owed", m.Deliveries, s.Owed())
			}
		})
	}
}

// What is dropped before it reaches a loop counts for those that would have got it, and for no others.
func TestCrowdedExcept(t *testing.T) {
	var top Topic
	s := rig{loops: 1, door: listened, inline: true}.serve(t, Handler{Open: top.Subscribe}, &Options{MaxBacklogBytes: -1})
	p := s.open()
	c := s.only()
	q := s.open()
	eventually(t, "both subscribe", func() bool { return top.Len() == 2 })
	open := s.hold()
	for range maxPosts {
		top.PublishFrom(c, Text, nil)
	}
	if n := top.PublishFrom(c, Text, nil); n != 0 {
		t.Errorf("published to %d", n)
	}
	if d := s.Metrics().Drops; d.Crowded != 1 || top.Dropped() != 1 {
		t.Errorf("%+v are dropped, %d of the topic", d, top.Dropped())
	}
	open()
	for range maxPosts {
		q.wantText("")
	}
	p.closing()
	q.closing()
}

// A topic that outlives engines keeps nothing of them.
func TestTopicOutlives(t *testing.T) {
	var top Topic
	for range 20 {
		s := rig{loops: 2, door: listened, inline: true}.make(t, Handler{Open: top.Subscribe}, nil)
		s.start(listened)
		p := s.open()
		eventually(t, "it subscribes", func() bool { return top.Len() == 1 })
		top.Publish(Text, []byte("x"))
		p.wantText("x")
		s.Close()
		if top.Publish(Text, nil) != 0 || top.Len() != 0 {
			t.Error("a closed engine has subscribers")
		}
	}
	if top.shards.Load() != nil {
		t.Error("shards of closed engines are kept")
	}
}

// A loop that never comes to the end of what it is to serve keeps no room for what it has served.
func TestFlushForEver(t *testing.T) {
	l := new(loop)
	for range 3 {
		l.flush = append(l.flush, new(Conn))
	}
	for range 10_000 {
		l.flush[l.flushed] = nil
		l.flushed++
		l.dirty = append(l.dirty, new(Conn))
		if l.collect() {
			t.Fatal("something is left")
		}
		if n := len(l.flush) - l.flushed; n != 3 {
			t.Fatalf("%d wait, want 3", n)
		}
	}
	if n := cap(l.flush); n > 20 {
		t.Errorf("there is room for %d", n)
	}
}
