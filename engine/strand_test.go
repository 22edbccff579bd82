package engine

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// newGate returns a channel that is closed once by open.
func newGate() (gate <-chan struct{}, open func()) {
	ch := make(chan struct{})
	return ch, sync.OnceFunc(func() { close(ch) })
}

// gated returns a Handler whose callback waits for the gate on connections whose first message is "slow", and a channel
// that gets what those deliver.
func gated(gate <-chan struct{}) (Handler, <-chan string) {
	got := make(chan string, 1<<16)
	slow := new(atomic.Pointer[Conn])
	return Handler{Message: func(c *Conn, m Message) {
		if string(m.Data) == "slow" {
			slow.Store(c)
		}
		if slow.Load() == c {
			<-gate
			got <- string(m.Data)
			return
		}
		c.Send(m.Kind, m.Data)
	}}, got
}

// A slow handler holds its own connection back, and nobody else. Pings that came before the pause are answered.
func TestHostile61SlowHandler(t *testing.T) {
	for _, depth := range []int{1, 2, 3, 64} {
		for i, r := range bothEnds() {
			r.loops = 1 + i%2
			t.Run(fmt.Sprintf("depth %d, %v", depth, r), func(t *testing.T) {
				gate, open := newGate()
				defer open()
				h, got := gated(gate)
				s := r.serve(t, h, &Options{StrandDepth: depth})
				p, witness := s.open(), s.open()
				p.sendText("slow")
				if depth > 1 { // at 1 the handler's own message is the bound
					p.send(opPinged, []byte("before"))
					p.want(opPonged, []byte("before"))
				}
				const n = 2000
				go func() {
					var all []byte
					for i := range n {
						all = appendMasked(all, 0x81, [4]byte{}, fmt.Append(nil, i))
					}
					p.write(all)
				}()
				eventually(t, "the strand is full", func() bool { return s.Metrics().MessagesIn >= uint64(depth) })
				for i := range 200 {
					witness.sendText(fmt.Sprint(i))
					witness.wantText(fmt.Sprint(i))
				}
				// One is with the handler, depth wait; the witness's are 200.
				if in := s.Metrics().MessagesIn; in > uint64(depth)+1+200 {
					t.Errorf("%d messages were taken in of a connection whose handler is busy", in-200)
				}
				open()
				if first := within(t, "the first message", got); first != "slow" {
					t.Errorf("got %q", first)
				}
				for i := range n {
					if m := within(t, "all messages", got); m != fmt.Sprint(i) {
						t.Fatalf("message %d is %q", i, m)
					}
				}
				witness.closing()
			})
		}
	}
}

// Pings with a callback that is slow are bounded like messages.
func TestPingFloodWithCallback(t *testing.T) {
	for name, op := range map[string]byte{"ping": opPinged, "pong": opPonged} {
		t.Run(name, func(t *testing.T) {
			gate, open := newGate()
			defer open()
			var calls atomic.Int32
			slow := func(*Conn, []byte) { <-gate; calls.Add(1) }
			s := rig{loops: 1, door: listened}.serve(t, Handler{Ping: slow, Pong: slow}, &Options{StrandDepth: 8, MaxControlsPerSecond: -1})
			p := s.open()
			c := s.only()
			const n = 10_000
			var all []byte
			for range n {
				all = appendMasked(all, 0x80|op, [4]byte{}, []byte("x"))
			}
			go p.write(all)
			go func() {
				for range n {
					if _, err := p.next(); err != nil {
						return
					}
				}
			}()
			eventually(t, "reading stops", func() bool { return c.stops.Load()&stopStrand != 0 })
			if d := c.line.Depth(); d > 9 {
				t.Errorf("%d callbacks wait", d)
			}
			open()
			eventually(t, "all callbacks have run", func() bool { return calls.Load() == n })
		})
	}
}

// More connections are slow than there are workers, and one comes free again.
func TestWorkersBusy(t *testing.T) {
	gate, open := newGate()
	defer open()
	h, got := gated(gate)
	s := usual.serve(t, h, &Options{Workers: 4})
	var slow []*peer
	for range 3 {
		p := s.open()
		p.sendText("slow")
		slow = append(slow, p)
	}
	witness := s.open()
	for i := range 100 {
		witness.sendText(fmt.Sprint(i))
		witness.wantText(fmt.Sprint(i))
	}
	// With the fourth all workers are stuck; pings are the loop's.
	p := s.open()
	p.sendText("slow")
	witness.send(opPinged, []byte("loop"))
	witness.want(opPonged, []byte("loop"))
	open()
	for range 4 {
		within(t, "slow ones go on", got)
	}
	witness.sendText("x")
	witness.wantText("x")
	for _, p := range append(slow, p, witness) {
		p.closing()
	}
}

// Workers run before a loop goes to sleep, and what they send is written in the same turn, also on one processor. The
// scheduler may come back without having run anybody, but not most of the time.
func TestWorkersRunWithinTheTurn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := rig{loops: 1, door: listened}.serve(t, echo, nil)
	p := s.open()
	c := s.only()
	const n = 100
	within := 0
	for range n {
		c.sock.Loop().Do(func() {
			w, l := (*wire)(c), c.loop()
			before := l.count.framesOut.Load()
			w.Data(maskedFrame(0x81, []byte("x")))
			w.Turned()
			l.turn()
			if l.count.framesOut.Load() > before {
				within++
			}
		})
		p.wantText("x")
	}
	p.closing()
	s.Close() // within is ours again
	if within < n/2 {
		t.Errorf("%d of %d replies were written in the turn", within, n)
	}
}
