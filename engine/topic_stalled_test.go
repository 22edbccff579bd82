//go:build unix

package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stalledKeys    = 50
	stalledBytes   = 1000 // of a message: the newest of every key fit into a backlog
	stalledMost    = 2000 // messages; more than any kernel takes for a reader
	stalledHealthy = 4
)

// stalledReader is a subscriber that reads nothing until all is published.
type stalledReader struct {
	p      *peer
	policy Overflow
	got    int              // messages
	last   int              // number of the newest
	newest [stalledKeys]int // number of the newest message of each key, plus one
	code   int              // of the closing frame
}

// Readers that stall under a topic hold no more than their backlogs, together no more than the budget, and each policy
// comes out to the message. WEIR_STALLED=1000 make storm has as many of them.
func TestHostile58Stalled(t *testing.T) {
	n := 40
	if s := os.Getenv("WEIR_STALLED"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const budget, bound = 64 << 20, 64 << 10 // with a thousand readers their backlogs come to it
	var top Topic
	policy := func(c *Conn) Overflow { return c.Value().(Overflow) }
	s := rig{inline: true, loops: 2}.make(t, Handler{
		Upgrade: func(r *Request) (any, error) {
			p, err := strconv.Atoi(r.HTTP.URL.Path[1:])
			return Overflow(p), err
		},
		Open: func(c *Conn) { _ = top.SubscribeWith(c, SubscribeOptions{Overflow: policy(c)}) }, // it is open
	}, &Options{MemoryBudget: budget, MaxBacklogBytes: bound, MaxBacklogAge: -1, CloseTimeout: time.Hour, KeepAlive: -1})
	s.listenShallow()
	var healthy []*peer
	for range stalledHealthy {
		p := s.dial()
		p.nc.SetDeadline(time.Now().Add(3 * time.Minute))
		p.shake(fmt.Sprint("/", int(CloseSlow)))
		healthy = append(healthy, p)
	}
	var readers []*stalledReader
	for i := range n {
		r := &stalledReader{policy: CloseSlow + Overflow(i)%Conflate, last: -1}
		r.p = s.dial()
		r.p.nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		r.p.shake(fmt.Sprint("/", int(r.policy)))
		readers = append(readers, r)
	}
	eventually(t, "all subscribe", func() bool { return top.Len() == n+stalledHealthy })

	var most, high int64
	published := 0
	// Until each that may be closed was closed, and all others have lost some: then the newest values.
	slow := uint64(0)
	for _, r := range readers {
		if r.policy == CloseSlow {
			slow++
		}
	}
	enough := func() bool {
		m := s.Metrics()
		high, most = max(high, m.Memory), max(most, m.BacklogBytes)
		return m.Slow == slow && m.Blocked == int64(n) && m.Drops.Oldest > 0 && m.Drops.Newest > 0 && m.Drops.Conflated > 0
	}
	for ; published < stalledMost && !enough() || published%stalledKeys != 0; published++ {
		b := binary.BigEndian.AppendUint32(make([]byte, 0, stalledBytes), uint32(published))
		top.PublishWith(Binary, b[:stalledBytes], PublishOptions{Key: fmt.Sprint(published % stalledKeys)})
		for _, p := range healthy { // at their pace
			if f := p.frame(); f.op != opBinary || binary.BigEndian.Uint32(f.payload) != uint32(published) {
				t.Fatalf("a healthy reader got %v, want number %d", f, published)
			}
		}
	}
	// A healthy reader may have the last message before others of its loop are given it, and Close would overtake that.
	eventually(t, "all messages are given out", func() bool { return s.Owed() == 0 })
	m := s.Metrics()
	t.Logf("%d readers, %d messages of %d bytes: at most %d bytes of %d are charged, %d wait; %+v", n, published, stalledBytes, high, budget, most, m.Drops)
	if high > budget {
		t.Errorf("%d bytes were held, the budget is %d", high, budget)
	}
	if limit := int64(n) * (bound + stalledBytes + 256); most > limit { // and a closing frame
		t.Errorf("%d bytes waited, the bounds are %d together", most, limit)
	}

	for c := range s.Conns() {
		_ = c.Close(StatusNormalClosure, "") // behind all that waits; those that were too slow are closing
	}
	for _, p := range healthy {
		p.nc.Close()
	}
	var all sync.WaitGroup
	for _, r := range readers {
		r.p.nc.(*net.TCPConn).SetReadBuffer(1 << 20)
		r.p.nc.SetDeadline(time.Now().Add(3 * patience))
		all.Go(func() { r.catchUp(r.p) })
	}
	all.Wait()
	var lost [Conflate + 1]int
	for _, r := range readers {
		lost[r.policy] += published - r.got
		switch r.policy {
		case CloseSlow:
			if r.code != 1013 || r.last != r.got-1 {
				t.Errorf("a slow reader got %d messages up to number %d, and was closed with %d", r.got, r.last, r.code)
			}
		case Conflate:
			for k, number := range r.newest {
				if want := published - stalledKeys + k + 1; number != want {
					t.Errorf("a conflated reader ends on number %d of key %d, want %d", number-1, k, want-1)
				}
			}
		}
	}
	d := s.Metrics().Drops
	if uint64(lost[DropNewest]) != d.Newest || uint64(lost[DropOldest]) != d.Oldest || uint64(lost[Conflate]) != d.Conflated || d.Total() != d.Newest+d.Oldest+d.Conflated {
		t.Errorf("of the messages to %d readers %v are missing by policy, counted: %+v", n, lost[1:], d)
	}
	if top.Dropped() != d.Total()+slow { // and what closed a slow one
		t.Errorf("the topic has dropped %d, the server %d", top.Dropped(), d.Total())
	}
	s.idle()
}

// catchUp reads what is there, up to the closing frame.
func (r *stalledReader) catchUp(p *peer) {
	defer p.nc.Close()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Errorf("a reader with policy %d, after %d messages: %v", r.policy, r.got, err)
			return
		}
		if f.op == opClosed {
			r.code = int(binary.BigEndian.Uint16(f.payload))
			_, _ = p.nc.Write(maskedFrame(0x88, f.payload)) // the server may have ended
			return
		}
		number := int(binary.BigEndian.Uint32(f.payload))
		if number <= r.last && r.policy != Conflate {
			p.t.Errorf("number %d comes behind %d", number, r.last)
		}
		r.got++
		r.last = max(r.last, number)
		r.newest[number%stalledKeys] = number + 1
	}
}

// listenShallow is listen with little room in the kernel for what is sent, of which a thousand readers would take much.
func (s *running) listenShallow() {
	s.t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		return rc.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10) }) // without it the test takes longer
	}}
	ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.network, s.addr = "tcp", ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }() // ends on Close
	s.t.Cleanup(func() {
		s.Close()
		<-served
	})
}
