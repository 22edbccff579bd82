package engine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Gained and Lost are called in turn, whoever comes and goes, and the last of them is right.
func TestTopicHooks(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 3
		var inside atomic.Int32
		calls := map[bool]*atomic.Int32{true: new(atomic.Int32), false: new(atomic.Int32)}
		var last atomic.Bool
		hook := func(some bool) func(*Topic) {
			return func(top *Topic) {
				if inside.Add(1) != 1 || last.Swap(some) == some {
					t.Errorf("not in turn: %d inside, again %t", inside.Load(), some)
				}
				calls[some].Add(1)
				runtime.Gosched()
				inside.Add(-1)
			}
		}
		top := Topic{Gained: hook(true), Lost: hook(false)}
		s := r.serve(t, Handler{}, nil)
		const n = 9
		for range n {
			s.open()
		}
		eventually(t, "all are open", func() bool { return s.Metrics().Conns == n })
		var all sync.WaitGroup
		for c := range s.Conns() {
			all.Go(func() {
				for range 300 {
					top.Subscribe(c)
					top.Unsubscribe(c)
				}
			})
		}
		all.Wait()
		eventually(t, "it is told of the last", func() bool { return !last.Load() && inside.Load() == 0 })
		if g, l := calls[true].Load(), calls[false].Load(); g != l || g > n*300 {
			t.Errorf("%d × Gained, %d × Lost", g, l)
		}
		for c := range s.Conns() {
			top.Subscribe(c)
		}
		eventually(t, "it is told of the first", last.Load)
		s.Close() // Lost comes before Close returns
		if last.Load() || top.Len() != 0 {
			t.Errorf("%d subscribe at the end, told: %t", top.Len(), last.Load())
		}
	})
}

// The hooks of Options are those of every topic with a name. One that panics is contained; one that blocks holds up its
// topic's alone.
func TestTopicHooksByName(t *testing.T) {
	var mu sync.Mutex
	var told []string
	gate, open := newGate()
	defer open()
	note := func(what string) func(*Topic) {
		return func(top *Topic) {
			mu.Lock()
			told = append(told, what+" "+top.Name())
			mu.Unlock()
			switch top.Name() {
			case "panics":
				panic("on purpose")
			case "blocks":
				<-gate
			}
		}
	}
	s := usual.serve(t, Handler{}, &Options{TopicGained: note("gained"), TopicLost: note("lost")})
	s.panics = 2
	p := s.open()
	c := s.only()
	heard := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprint(want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return fmt.Sprint(told) == fmt.Sprint(want)
		})
	}
	blocks, panics := s.Topic("blocks"), s.Topic("panics")
	blocks.Subscribe(c)
	heard("gained blocks")
	panics.Subscribe(c)
	heard("gained blocks", "gained panics")
	blocks.Unsubscribe(c)
	panics.Unsubscribe(c)
	heard("gained blocks", "gained panics", "lost panics")
	blocks.Subscribe(c) // nothing has changed when its turn comes
	open()
	panics.Publish(Text, nil)
	blocks.Publish(Text, []byte("x"))
	p.wantText("x")
	p.closing()
	heard("gained blocks", "gained panics", "lost panics", "lost blocks")
}

// Conns yields who subscribes.
func TestTopicConns(t *testing.T) {
	r := usual
	r.loops = 3
	var top Topic
	s := r.serve(t, Handler{}, nil)
	for range 7 {
		s.open()
	}
	eventually(t, "all are open", func() bool { return s.Metrics().Conns == 7 })
	want := map[*Conn]bool{}
	for c := range s.Conns() {
		if c.ID()%2 == 0 {
			top.Subscribe(c)
			want[c] = true
		}
	}
	for c := range top.Conns() {
		if !want[c] {
			t.Errorf("conn %d does not subscribe, or came before", c.ID())
		}
		delete(want, c)
		top.Unsubscribe(c) // it holds no lock
	}
	if len(want) != 0 || top.Len() != 0 {
		t.Errorf("%d did not come", len(want))
	}
	for range top.Conns() {
		t.Error("nobody is left")
	}
}

// mesh is a link between Servers of one process.
type mesh struct {
	mu    sync.Mutex
	nodes []*node
	calls sync.WaitGroup
}

// node is the link of one Server.
type node struct {
	mesh   *mesh
	server *Server
	topics map[string]bool // that have subscribers here
	inbox  chan func()
}

func (m *mesh) join(s *Server) *node {
	n := &node{mesh: m, server: s, topics: map[string]bool{}, inbox: make(chan func(), 1000)}
	s.topics.link = n
	m.nodes = append(m.nodes, n)
	m.calls.Go(func() {
		for f := range n.inbox {
			f()
		}
	})
	return n
}

func (n *node) set(name string, some bool) {
	n.mesh.mu.Lock()
	defer n.mesh.mu.Unlock()
	n.topics[name] = some
}

func (n *node) gained(t *Topic) { n.set(t.Name(), true) }
func (n *node) lost(t *Topic)   { n.set(t.Name(), false) }

func (n *node) has(name string) bool {
	n.mesh.mu.Lock()
	defer n.mesh.mu.Unlock()
	return n.topics[name]
}

func (n *node) publish(t *Topic, k Kind, data []byte, key string) {
	data, name := append([]byte(nil), data...), t.Name()
	for _, other := range n.mesh.nodes {
		if other != n && other.has(name) {
			other.inbox <- func() { other.server.Topic(name).spread(k, data, PublishOptions{Key: key}, new(places)) }
		}
	}
}

// The seam is enough to connect the topics of several nodes: each message arrives once, in order, and nodes without
// subscribers are spared.
func TestLink(t *testing.T) {
	var m mesh
	var servers [3]*running
	var nodes [3]*node
	var peers [3]*peer
	for i := range servers {
		servers[i] = usual.serve(t, Handler{}, nil)
		nodes[i] = m.join(servers[i].Server)
		peers[i] = servers[i].open()
	}
	for i := range 2 { // the third does not subscribe
		servers[i].Topic("news").Subscribe(servers[i].only())
		eventually(t, "it is known", func() bool { return nodes[i].has("news") })
	}
	for i := range 100 {
		servers[2].Topic("news").Publish(Text, fmt.Append(nil, i))
	}
	for i := range 100 {
		for _, p := range peers[:2] {
			p.wantText(fmt.Sprint(i))
		}
	}
	if n := servers[0].Topic("news").PublishFrom(servers[0].only(), Text, []byte("to the other")); n != 0 {
		t.Errorf("published to %d here", n)
	}
	peers[1].wantText("to the other")
	servers[1].Topic("news").Unsubscribe(servers[1].only())
	eventually(t, "it is known", func() bool { return !nodes[1].has("news") })
	if len(nodes[2].inbox) != 0 || nodes[2].has("news") {
		t.Error("the third node has it")
	}
	for _, p := range peers {
		p.closing()
	}
	eventually(t, "it is known", func() bool { return !nodes[0].has("news") })
	for _, n := range nodes {
		close(n.inbox)
	}
	m.calls.Wait()
}

// The table of names gives its room back.
func TestHostile63NamesShrink(t *testing.T) {
	home(t)
	s, err := New(Handler{}, &Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 100_000 {
		s.Topic(fmt.Sprint("name ", i))
	}
	eventually(t, "its table is small", func() bool {
		runtime.GC()
		s.topics.mu.Lock()
		defer s.topics.mu.Unlock()
		return len(s.topics.topics) == 0 && s.topics.most <= minNames
	})
}

// A connection finds its subscriptions however many it has.
func TestManyTopics(t *testing.T) {
	s := usual.serve(t, Handler{}, &Options{MaxTopics: -1})
	s.open()
	c := s.only()
	tops := make([]Topic, 3*indexTopics)
	for range 3 {
		for i := range tops {
			tops[i].Subscribe(c)
			tops[i].Subscribe(c)
		}
		for i := range tops {
			if tops[i].Len() != 1 || !tops[i].has(c) {
				t.Fatalf("topic %d: %d subscribe", i, tops[i].Len())
			}
		}
		for i := range tops {
			j := i * 31 % len(tops)
			tops[j].Unsubscribe(c)
			if tops[j].has(c) || tops[j].Len() != 0 {
				t.Fatalf("topic %d: it subscribes still", j)
			}
		}
		c.mu.Lock()
		if c.subs != nil {
			t.Error("a connection without topics keeps a list of them")
		}
		c.mu.Unlock()
	}
}
