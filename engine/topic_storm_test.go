package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stormTime is how long TestTopicStorm goes on in each mode: WEIR_STORM=1m make storm.
func stormTime(t *testing.T) time.Duration {
	d, err := time.ParseDuration(choose(os.Getenv("WEIR_STORM") == "", "1s", os.Getenv("WEIR_STORM")))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	stormTopics  = 4
	stormHealthy = 9
	stormCallers = 3   // goroutines that publish
	stormAhead   = 100 // messages of one publisher that some reader has not got
)

// topicStorm is a Server on whose topics everything happens at once.
type topicStorm struct {
	*running
	tops  [stormTopics]Topic
	other Topic // without healthy subscribers
	stop  atomic.Bool
	// sent is how many messages each publisher has published: the goroutines, then the healthy connections. got is how
	// many of them each healthy reader has.
	sent [stormCallers + stormHealthy]atomic.Int64
	got  [stormHealthy][stormCallers + stormHealthy]atomic.Int64

	mu      sync.Mutex // guards the following
	victims []*Conn    // connections that come and go
}

// Publishers, subscribers and closers on all loops at once: who reads gets every message of every publisher, in order,
// and at the end nothing is held.
func TestTopicStorm(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 3
		st := new(topicStorm)
		st.running = r.serve(t, Handler{Upgrade: nameOf, Open: st.open, Message: st.message}, &Options{Workers: 8})
		var readers, all sync.WaitGroup
		var healthy []*peer
		for i := range stormHealthy {
			p := st.dial()
			p.nc.SetDeadline(time.Now().Add(stormTime(t) + patience))
			p.shake("/healthy")
			healthy = append(healthy, p)
			readers.Go(func() { st.read(p, i) })
		}
		eventually(t, "the healthy subscribe", func() bool { return st.tops[stormTopics-1].Len() == stormHealthy })
		for w := range stormCallers {
			all.Go(func() { st.publish(w, func(b []byte) { st.tops[topicOf(b)].Publish(Binary, b) }) })
		}
		for i, p := range healthy { // published by the callback of their connection
			all.Go(func() {
				st.publish(stormCallers+i, func(b []byte) { p.nc.Write(maskedFrame(0x82, b)) })
			})
		}
		for seed := range 6 {
			all.Go(func() { st.comeAndGo(rand.New(rand.NewPCG(uint64(seed), 1))) })
		}
		for seed := range 3 {
			all.Go(func() { st.meddle(rand.New(rand.NewPCG(uint64(seed), 2))) })
		}
		time.Sleep(stormTime(t)) // the storm, not a wait
		st.stop.Store(true)
		all.Wait()
		eventually(t, "the healthy have it all", st.level)
		for _, p := range healthy {
			p.nc.Close()
		}
		readers.Wait()
		st.idle()
		eventually(t, "all is given out", func() bool { return st.Owed() == 0 && st.Metrics().Memory == 0 })
		total := int64(0)
		for i := range st.sent {
			total += st.sent[i].Load()
		}
		m := st.Metrics()
		t.Logf("%d messages, %d deliveries, %d connections, %d closed as too slow, dropped: %+v", total, m.Deliveries, m.Upgraded, m.Slow, m.Drops)
		for i := range st.tops {
			if n := st.tops[i].Len(); n != 0 {
				t.Errorf("topic %d has %d subscribers", i, n)
			}
		}
		if m.Deliveries < uint64(total)*stormHealthy || m.Drops.Crowded+m.Drops.Short != 0 {
			t.Errorf("%d messages are delivered %d times, dropped: %+v", total, m.Deliveries, m.Drops)
		}
	})
}

// nameOf gives a connection the path of its request as Value.
func nameOf(r *Request) (any, error) { return r.HTTP.URL.Path, nil }

func (st *topicStorm) open(c *Conn) {
	if c.Value() == "/healthy" {
		for i := range st.tops {
			st.tops[i].Subscribe(c)
		}
		return
	}
	for i := range st.tops {
		_ = st.tops[i].SubscribeWith(c, SubscribeOptions{Overflow: Overflow(c.ID()%4) + 1, MaxBacklogBytes: 1 << 10}) // it may be closed
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.victims = append(st.victims, c); len(st.victims) > 20 {
		st.victims = st.victims[1:]
	}
}

func (st *topicStorm) message(_ *Conn, m Message) { st.tops[topicOf(m.Data)].Publish(m.Kind, m.Data) }

// topicOf is the topic that a stamp is published to.
func topicOf(b []byte) int { return int(binary.BigEndian.Uint32(b[4:8])) % stormTopics }

// publish has a publisher's messages sent, as fast as the slowest reader reads.
func (st *topicStorm) publish(who int, send func([]byte)) {
	for n := int64(0); !st.stop.Load(); n++ {
		for i := 0; i < stormHealthy; i++ {
			for n-st.got[i][who].Load() > stormAhead && !st.stop.Load() {
				time.Sleep(100 * time.Microsecond) // a pace, not a wait
			}
		}
		st.sent[who].Add(1)
		send(append(stamp(who, int(n)), make([]byte, n%5*500)...))
	}
}

// read is a healthy reader.
func (st *topicStorm) read(p *peer, me int) {
	for {
		f, err := p.next()
		if err != nil {
			if !st.stop.Load() {
				st.t.Errorf("reader %d: %v", me, err)
			}
			return
		}
		if f.op == opPinged {
			continue
		}
		if f.op != opBinary {
			st.t.Errorf("reader %d got %v", me, f)
			return
		}
		who, n := binary.BigEndian.Uint32(f.payload), int64(binary.BigEndian.Uint32(f.payload[4:]))
		if want := st.got[me][who].Load(); n != want || len(f.payload) != 8+int(n%5)*500 {
			st.t.Errorf("reader %d got message %d of publisher %d, want %d", me, n, who, want)
			return
		}
		st.got[me][who].Add(1)
	}
}

// level reports whether every reader has every message.
func (st *topicStorm) level() bool {
	for i := range st.got {
		for who := range st.sent {
			if st.got[i][who].Load() != st.sent[who].Load() {
				return false
			}
		}
	}
	return true
}

// comeAndGo opens connections that read a little or nothing and leave in one way or another.
func (st *topicStorm) comeAndGo(rnd *rand.Rand) {
	for !st.stop.Load() {
		nc, err := net.Dial(st.network, st.addr)
		if err != nil {
			st.t.Error(err)
			return
		}
		nc.SetDeadline(time.Now().Add(100 * time.Millisecond)) // that is how long it stays
		if rnd.IntN(2) == 0 {
			nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		nc.Write([]byte(ask("/")))
		b := make([]byte, 4<<10)
		for range rnd.IntN(20) {
			if _, err := nc.Read(b); err != nil {
				break
			}
		}
		switch rnd.IntN(4) {
		case 0:
			nc.Write(maskedFrame(0x88, nil))
		case 1:
			nc.Write(maskedFrame(0x82, []byte("not the whole of it"))[:10])
		case 2: // stall for a while
			time.Sleep(20 * time.Millisecond)
		}
		nc.Close()
	}
}

// meddle subscribes, unsubscribes and closes the connections that come and go.
func (st *topicStorm) meddle(rnd *rand.Rand) {
	for !st.stop.Load() {
		time.Sleep(100 * time.Microsecond) // a pace, not a wait
		st.mu.Lock()
		if len(st.victims) == 0 {
			st.mu.Unlock()
			continue
		}
		c := st.victims[rnd.IntN(len(st.victims))]
		st.mu.Unlock()
		switch top := &st.tops[rnd.IntN(stormTopics)]; rnd.IntN(50) {
		case 0:
			_ = c.Close(StatusGoingAway, "") // it may be closed
		case 1:
			_ = c.CloseNow() // likewise
		case 2:
			_ = c.SendWith(Text, []byte("a part"), SendOptions{More: true}) // likewise
		case 3, 4, 5, 6, 7:
			_ = c.Send(Binary, make([]byte, 3000)) // likewise, or full
		case 8, 9, 10:
			st.other.Subscribe(c)
			st.other.PublishFrom(c, Text, make([]byte, 100))
		default:
			if rnd.IntN(2) == 0 {
				top.Subscribe(c)
				continue
			}
			top.Unsubscribe(c)
		}
	}
}
