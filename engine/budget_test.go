package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is a Server in a bubble of fake time, and peers on pipes.
type crowd struct {
	t *testing.T
	s *running
}

// gather runs test with a Server for both modes.
func gather(t *testing.T, h Handler, o Options, test func(*crowd)) {
	for _, inline := range []bool{false, true} {
		t.Run(choose(inline, "inline", "workers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := o
				o.KeepAlive = -1
				cr := &crowd{t: t, s: rig{inline: inline, loops: 1, streams: true}.make(t, h, &o)}
				test(cr)
				cr.s.Close()
				if m := cr.s.Metrics(); m.Memory != 0 {
					t.Errorf("%d bytes are charged at the end", m.Memory)
				}
			})
		})
	}
}

// open returns a peer, and the connection that it has.
func (cr *crowd) open() (*peer, *Conn) {
	cr.t.Helper()
	known := map[*Conn]bool{}
	for c := range cr.s.Conns() {
		known[c] = true
	}
	p := cr.s.pipe()
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

// deaf returns a connection whose peer does not read, for which n bytes wait in frames of deafBytes.
func (cr *crowd) deaf(n int) (*peer, *Conn) {
	cr.t.Helper()
	p, c := cr.open()
	c.Send(Binary, blob(70_000)) // what the back end takes and more
	for range n / deafBytes {
		if err := c.Send(Binary, blob(deafBytes-4)); err != nil {
			cr.t.Fatal(err)
		}
	}
	synctest.Wait()
	return p, c
}

func (cr *crowd) memory() int64 { return cr.s.Metrics().Memory }

const (
	testBudget = 4 << 20
	deafBytes  = 16 << 10 // what pool.Get gives for a frame of that size
)

// roomy are options under which only the budget bounds anything.
func roomy() Options {
	return Options{MemoryBudget: testBudget, MaxBacklogBytes: -1, MaxBacklogAge: -1}
}

// At the hard mark those are closed that hold the most for the longest, and no others.
func TestBudgetShedsTheWorst(t *testing.T) {
	h, ended := ends(Handler{})
	gather(t, h, roomy(), func(cr *crowd) {
		for len(ended) > 0 {
			<-ended
		}
		_, c := cr.deaf(500_000)
		time.Sleep(20 * time.Second) // c: 0.5 MB × 30 s
		_, a := cr.deaf(1_000_000)
		time.Sleep(9 * time.Second) // a: 1 MB × 10 s
		pb, b := cr.deaf(1_500_000)
		time.Sleep(time.Second) // b: 1.5 MB × 1 s
		_, d := cr.deaf(0)
		for cr.memory() < testBudget {
			d.Send(Binary, blob(deafBytes-4))
		}
		time.Sleep(2 * tick) // the budget is exact at every tick
		synctest.Wait()
		var closed []int
		for i, x := range []*Conn{a, b, c, d} {
			if x.State() != Open {
				closed = append(closed, i)
			}
		}
		if want := []int{2}; !slices.Equal(closed, want) { // the worst is enough
			cr.t.Fatalf("%v are closed, want %v", closed, want)
		}
		for cr.memory() < testBudget {
			d.Send(Binary, blob(deafBytes-4))
		}
		time.Sleep(2 * tick) // the budget is exact at every tick
		synctest.Wait()
		if a.State() == Open || b.State() != Open || d.State() != Open {
			cr.t.Fatalf("a is %v, b %v, d %v", a.State(), b.State(), d.State())
		}
		if m := cr.s.Metrics(); m.Shed < 2 || m.Drops.Cleared != 30+61 || m.Drops.Total() != m.Drops.Cleared {
			cr.t.Errorf("got %+v", m)
		}
		time.Sleep(6 * time.Second)
		for range 2 {
			if e := within(cr.t, "Close", ended); e.Code != 1013 || e.Err != ErrMemory {
				cr.t.Errorf("got %+v", e)
			}
		}
		pb.want(opBinary, blob(70_000)) // the others lose nothing
		for range 1_500_000 / deafBytes {
			pb.want(opBinary, blob(deafBytes-4))
		}
	})
}

// A connection that is closed for memory is told so, right behind what is being written.
func TestBudgetSaysWhy(t *testing.T) {
	h, ended := ends(Handler{})
	gather(t, h, roomy(), func(cr *crowd) {
		p, c := cr.deaf(0)
		for c.State() == Open {
			c.Send(Binary, blob(deafBytes-4))
			if cr.memory() >= testBudget {
				synctest.Wait()
			}
		}
		p.want(opBinary, blob(70_000)) // was begun
		if f := p.frame(); f.op != opClosed || binary.BigEndian.Uint16(f.payload) != 1013 {
			cr.t.Fatalf("got %v", f)
		}
		p.sendClose(1013, "")
		p.gone()
		if e := within(cr.t, "Close", ended); !e.Clean {
			cr.t.Errorf("got %+v", e)
		}
		if m := cr.memory(); m > 0 {
			cr.t.Errorf("%d bytes are held", m)
		}
	})
}

// Above the soft mark upgrades are refused, below it they are accepted again.
func TestHostile62Upgrades(t *testing.T) {
	gather(t, Handler{}, roomy(), func(cr *crowd) {
		p, c := cr.deaf(testBudget * 81 / 100)
		time.Sleep(2 * tick)
		q := cr.s.pipe()
		q.write([]byte(ask("/")))
		if r := q.refused(503); r.Header.Get("Retry-After") == "" {
			cr.t.Error("without Retry-After")
		}
		p.want(opBinary, blob(70_000))
		for range testBudget * 81 / 100 / deafBytes {
			p.want(opBinary, blob(deafBytes-4))
		}
		time.Sleep(time.Second)
		r, _ := cr.open()
		r.closing()
		if c.State() != Open {
			cr.t.Error("closed at the soft mark")
		}
	})
}

// Above the soft mark a peer that reads no replies is not read, and its silence is not held against it; a quiet one is
// served as ever.
func TestBudgetStopsReading(t *testing.T) {
	gather(t, echo, roomy(), func(cr *crowd) {
		noisy, c := cr.open()
		quiet, _ := cr.open()
		var sent atomic.Int64
		go func() { // ends when noisy is closed
			for b := maskedFrame(0x82, blob(50_000)); ; {
				if _, err := noisy.nc.Write(b); err != nil {
					return
				}
				sent.Add(1)
			}
		}()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if m := cr.memory(); m < testBudget/2 || m > testBudget {
			cr.t.Errorf("%d bytes are held", m)
		}
		if c.State() != Open {
			cr.t.Fatal("closed at the soft mark")
		}
		stopped := sent.Load()
		quiet.sendText("still here?")
		quiet.wantText("still here?")
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent.Load() != stopped {
			cr.t.Error("it is read")
		}
		for range stopped + 100 {
			noisy.want(opBinary, blob(50_000))
		}
		if sent.Load() < stopped+100 {
			cr.t.Error("it is not read again")
		}
	})
}

// Unfinished messages are stopped above the soft mark, and given up when nothing else makes room: the server does not
// stay there.
func TestHostile33Unfinished(t *testing.T) {
	o := roomy()
	o.MaxMessageBytes = 1 << 18
	gather(t, echo, o, func(cr *crowd) {
		var high atomic.Int64
		witness, _ := cr.open()
		const n = 60
		for i := range n {
			p := cr.s.pipe()
			go func() { // ends when p is closed
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				p.nc.Write([]byte(ask("/")))
				head := maskedFrame(0x02, blob(1<<18-1))
				p.nc.Write(head)
			}()
		}
		for range 150 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			high.Store(max(high.Load(), cr.memory()))
		}
		if high.Load() > testBudget*11/10 {
			cr.t.Errorf("%d bytes were held", high.Load())
		}
		m := cr.s.Metrics()
		if m.Shed == 0 || m.Memory >= testBudget*softPercent/100 {
			cr.t.Errorf("%d connections are closed, %d bytes held", m.Shed, m.Memory)
		}
		witness.sendText("alive")
		witness.wantText("alive")
		p, _ := cr.open()
		p.sendText("new")
		p.wantText("new")
	})
}

// Keyed messages are conflated above the soft mark for all who may lose some; those of others are not.
func TestBudgetConflates(t *testing.T) {
	gather(t, Handler{}, roomy(), func(cr *crowd) {
		var top Topic
		p, c := cr.deaf(0)
		q, d := cr.deaf(0)
		top.SubscribeWith(c, SubscribeOptions{Overflow: DropOldest})
		top.SubscribeWith(d, SubscribeOptions{Overflow: CloseSlow})
		publish := func(from, to int) {
			for n := from; n < to; n++ {
				top.PublishWith(Binary, unit(n), PublishOptions{Key: fmt.Sprint(n % 2)})
				synctest.Wait()
			}
		}
		publish(0, 10)
		if m := cr.s.Metrics(); m.Dropped != 0 {
			cr.t.Fatalf("got %+v", m.Drops)
		}
		cr.deaf(testBudget * 81 / 100)
		publish(10, 20)
		if m := cr.s.Metrics(); m.Drops.Conflated != 8 || m.Dropped != 8 {
			cr.t.Errorf("got %+v", m.Drops)
		}
		p.want(opBinary, blob(70_000))
		for _, n := range append(upTo(0, 10), 18, 19) {
			p.want(opBinary, unit(n))
		}
		q.want(opBinary, blob(70_000))
		for n := range 20 {
			q.want(opBinary, unit(n))
		}
	})
}

// What is sent when nobody can be closed for it is refused by the policy of the message.
func TestBudgetBrim(t *testing.T) {
	o := roomy()
	o.Overflow = DropNewest
	gather(t, Handler{}, o, func(cr *crowd) {
		p, c := cr.deaf(0)
		gate, open := newGate()
		cr.s.core.loops[0].poll.Do(func() { <-gate }) // it can't shed
		sent := 0
		for range 2 * testBudget / deafBytes { // faster than the loop looks
			if c.Send(Binary, blob(deafBytes-4)) == nil {
				sent++
			}
		}
		if m := cr.memory(); m > testBudget*11/10 {
			cr.t.Errorf("%d bytes are held", m)
		}
		if d := cr.s.Metrics().Drops.Newest; d != uint64(2*testBudget/deafBytes-sent) || d == 0 {
			cr.t.Errorf("%d are sent, %d dropped", sent, d)
		}
		var top Topic
		top.Subscribe(c)
		if n := top.Publish(Text, nil); n != 0 || cr.s.Metrics().Drops.Short != 1 {
			cr.t.Errorf("published to %d, %+v", n, cr.s.Metrics().Drops)
		}
		open()
		synctest.Wait()
		if c.State() == Open {
			cr.t.Error("it holds all that there is, and is not closed")
		}
		p.nc.Close()
	})
}

// Messages that wait for workers are bounded by bytes too, and those that wait longest don't keep others from being
// read.
func TestHostile61Bytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, open := newGate()
		defer open()
		var got atomic.Int64
		h := Handler{Message: func(_ *Conn, m Message) {
			if len(m.Data) > 100 {
				<-gate
			}
			got.Add(1)
		}}
		cr := &crowd{t: t, s: rig{loops: 1, streams: true}.make(t, h, &Options{KeepAlive: -1})}
		defer open()
		p, _ := cr.open()
		const n = 40
		go func() { // ends when all is read
			for i := range n {
				p.nc.Write(maskedFrame(0x82, blob(1<<19+i)))
			}
			p.nc.Write(maskedFrame(0x89, []byte("?")))
		}()
		q, _ := cr.open()
		q.sendText("quick")
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got.Load() != 1 {
			t.Errorf("%d callbacks have returned", got.Load())
		}
		if m := cr.memory(); m > 3<<20 {
			t.Errorf("%d bytes are held", m)
		}
		open()
		p.want(opPonged, []byte("?"))
		synctest.Wait()
		if got.Load() != n+1 {
			t.Errorf("%d callbacks have returned", got.Load())
		}
	})
}

// While no worker is free, messages wait: those of any number of connections within the budget, and none is lost.
func TestBudgetOfStrands(t *testing.T) {
	for _, loops := range []int{1, 3} {
		gate, open := newGate()
		var got atomic.Int64
		r := rig{loops: loops, door: listened}
		s := r.serve(t, Handler{Message: func(*Conn, Message) { <-gate; got.Add(1) }}, &Options{MemoryBudget: testBudget, Workers: 4})
		defer open()
		const n, each = 150, 4
		message := maskedFrame(0x82, blob(50_000))
		var all sync.WaitGroup
		var peers []*peer
		for range n {
			p := s.open()
			p.nc.SetDeadline(time.Time{}) // who is not read any more must not give up
			peers = append(peers, p)
		}
		var high atomic.Int64
		stop := make(chan struct{})
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					high.Store(max(high.Load(), s.Metrics().Memory))
				}
			}
		})
		for _, p := range peers {
			all.Go(func() {
				for range each {
					if _, err := p.nc.Write(message); err != nil {
						return // it was closed for memory
					}
				}
			})
		}
		// Messages of 64 KiB can fill it to the byte.
		eventually(t, "the budget is used up", func() bool { return high.Load() >= testBudget })
		eventually(t, "nobody is read", func() bool {
			for c := range s.Conns() {
				if c.stops.Load()&(stopReading|stopEnd) == 0 {
					return false
				}
			}
			return true
		})
		// The loops may hold a grain in all that they have not told of, and each takes one more message before it looks.
		most := testBudget*brimPercent/100 + testBudget/budgetGrains + int64(loops)*64<<10
		if h := high.Load(); h > most {
			t.Errorf("%d loops: %d bytes were held, want at most %d", loops, h, most)
		}
		close(stop)
		open()
		eventually(t, "all that were not closed are served", func() bool {
			return got.Load() >= each*(n-int64(s.Metrics().Shed)) && s.Metrics().Memory == 0
		})
		all.Wait()
		s.Close()
	}
}

// Whatever peers do, on several loops at once, what is held for them stays below 110 %, those that do nothing wrong are
// served, and all is given back.
func TestBudgetStorm(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		r.loops = 3
		const budget = 8 << 20
		var top Topic
		s := r.serve(t, Handler{
			Open:    func(c *Conn) { top.SubscribeWith(c, SubscribeOptions{Overflow: Overflow(c.ID()%4) + 1}) },
			Message: func(c *Conn, m Message) { c.Send(m.Kind, m.Data) },
		}, &Options{MemoryBudget: budget, MaxBacklogBytes: 1 << 20})
		var all sync.WaitGroup
		stop, alive := make(chan struct{}), make(chan string, 1)
		witness := s.open()
		witness.nc.SetDeadline(time.Time{}) // the storm may take long to begin
		all.Go(func() {                     // ends with the connection
			for {
				f, err := witness.next()
				if err != nil {
					return
				}
				if f.op == opText {
					alive <- string(f.payload)
				}
			}
		})
		var high atomic.Int64
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					high.Store(max(high.Load(), s.Metrics().Memory))
				}
			}
		})
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					top.PublishWith(Binary, blob(20_000), PublishOptions{Key: fmt.Sprint(i % 50)})
					time.Sleep(time.Millisecond) // a pace, not a wait
				}
			}
		})
		var others []net.Conn
		for i := range 90 {
			nc, err := net.Dial(s.network, s.addr)
			if err != nil {
				t.Fatal(err)
			}
			others = append(others, nc)
			nc.(*net.TCPConn).SetReadBuffer(4 << 10)
			all.Go(func() { misbehave(nc, i) })
		}
		eventually(t, "some are closed for memory", func() bool { return s.Metrics().Shed > 0 })
		witness.sendText("in the middle of it")
		within(t, "an answer", alive)
		close(stop)
		witness.sendText("afterwards")
		within(t, "an answer", alive)
		if m := high.Load(); m > budget*11/10 {
			t.Errorf("%d bytes were held, the budget is %d", m, budget)
		}
		t.Logf("%d bytes at most, of %d; %+v", high.Load(), budget, s.Metrics().Drops)
		s.Close()
		for _, nc := range others {
			nc.Close()
		}
		all.Wait()
		if m := s.Metrics(); m.Memory != 0 {
			t.Errorf("%d bytes are charged at the end", m.Memory)
		}
	})
}

// misbehave shakes hands and reads nothing: it sends half a message, asks for echoes, or only stays.
func misbehave(nc net.Conn, i int) {
	defer nc.Close()
	nc.Write([]byte(ask("/")))
	switch i % 3 {
	case 0:
		nc.Write(maskedFrame(0x02, blob(1<<20-1)))
	case 1:
		for b := maskedFrame(0x82, blob(50_000)); ; {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	}
	var b [1]byte
	for { // slowly
		if _, err := nc.Read(b[:]); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Without a budget nothing is refused.
func TestBudgetNone(t *testing.T) {
	o := roomy()
	o.MemoryBudget = -1
	gather(t, Handler{}, o, func(cr *crowd) {
		p, _ := cr.deaf(2 * testBudget)
		q, _ := cr.open()
		q.closing()
		p.want(opBinary, blob(70_000))
		for range 2 * testBudget / deafBytes {
			if f := p.frame(); !bytes.Equal(f.payload, blob(deafBytes-4)) {
				cr.t.Fatalf("got %v", f)
			}
		}
	})
}
