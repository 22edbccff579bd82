package pollertest

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/poller"
)

func testDoOrder(t *testing.T, b Backend) {
	l := newPoller(t, b).Loop(0)
	var got []int
	for i := range 5000 {
		l.Do(func() { got = append(got, i) })
	}
	on(t, l, func() {})
	for i, v := range got {
		if v != i {
			t.Fatalf("task %d ran as number %d", v, i)
		}
	}
	if len(got) != 5000 {
		t.Errorf("%d tasks ran, want 5000", len(got))
	}
}

// testDoDoesNotStarve: a task that gives itself again and again leaves the sockets their turn.
func testDoDoesNotStarve(t *testing.T, b Backend) {
	b.Options.Loops = 1
	p := newProbe(t)
	p.echo()
	pl, far := one(t, b, p)
	var stop atomic.Bool
	var again func()
	again = func() {
		if !stop.Load() {
			pl.Loop(0).Do(again)
		}
	}
	pl.Loop(0).Do(again)
	sent := pattern(1<<20, 10)
	if got := exchange(t, far, sent); !bytes.Equal(got, sent) {
		t.Error("what came back is not what was sent")
	}
	stop.Store(true)
}

// testWakeCoalesces: any number of Wakes before a Turn are answered by that one.
func testWakeCoalesces(t *testing.T, b Backend) {
	turns := 0
	b.Options.Turn = func(*poller.Loop) { turns++ }
	b.Options.Loops = 1
	l := newPoller(t, b).Loop(0)
	busy, release := make(chan struct{}), make(chan struct{})
	l.Do(func() {
		close(busy)
		<-release
	})
	<-busy
	var wakers sync.WaitGroup
	for range 16 {
		wakers.Go(func() {
			for range 1000 {
				l.Wake()
			}
		})
	}
	wakers.Wait()
	close(release)
	settle(t, l)
	on(t, l, func() {
		if turns != 1 {
			t.Errorf("Turn ran %d times for 16000 Wakes, want 1", turns)
		}
	})
}

// testWakeAgain: a Wake during a Turn brings another, and no Wake is lost.
func testWakeAgain(t *testing.T, b Backend) {
	const want = 1000
	turns := 0
	done := make(chan struct{})
	b.Options.Loops = 1
	b.Options.Turn = func(l *poller.Loop) {
		if turns++; turns == want {
			close(done)
		}
		if turns < want {
			l.Wake()
		}
	}
	l := newPoller(t, b).Loop(0)
	l.Wake()
	<-done
	settle(t, l)
	on(t, l, func() {
		if turns != want {
			t.Errorf("Turn ran %d times, want %d", turns, want)
		}
	})
}

// testPollerClose: every connection gets its End, on its loop, and Close waits for it.
func testPollerClose(t *testing.T, b Backend) {
	pl := newPoller(t, b)
	probes := make([]*probe, 20)
	for i := range probes {
		probes[i] = newProbe(t)
		if i%4 == 0 {
			probes[i].open = probes[i].Pause
		}
		attach(t, b, pl, probes[i], []byte("early"))
	}
	if err := pl.Close(); err != nil {
		t.Error(err)
	}
	for _, p := range probes {
		select {
		case err := <-p.ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("End: got %v, want net.ErrClosed", err)
			}
		default:
			t.Error("End was not called")
		}
	}
	if err := pl.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// testPollerCloseOthers: an owner may close any other connection of the loop from the first End; the
// probes fail the test if one of those is called then.
func testPollerCloseOthers(t *testing.T, b Backend) {
	b.Options.Loops = 1
	pl := newPoller(t, b)
	probes := make([]*probe, 10)
	ends := 0
	for i := range probes {
		probes[i] = newProbe(t)
		probes[i].end = func(error) {
			ends++
			for _, p := range probes {
				p.close()
			}
		}
	}
	busy, release := make(chan struct{}), make(chan struct{})
	pl.Loop(0).Do(func() {
		close(busy)
		<-release
	})
	<-busy
	for _, p := range probes {
		attach(t, b, pl, p, nil) // none is open before the loop goes on
	}
	done := make(chan error, 1)
	go func() { done <- pl.Close() }()
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if ends != 1 {
		t.Errorf("End was called %d times, want 1", ends)
	}
}

// testPollerCloseRunsTasks: a task that Do has accepted runs; one that it refuses does not.
func testPollerCloseRunsTasks(t *testing.T, b Backend) {
	pl := newPoller(t, b)
	var accepted, ran atomic.Int64
	var givers sync.WaitGroup
	for i := range 4 {
		givers.Go(func() {
			l := pl.Loop(i % pl.Loops())
			for l.Do(func() { ran.Add(1) }) {
				accepted.Add(1)
				l.Wake()
			}
		})
	}
	if err := pl.Close(); err != nil {
		t.Error(err)
	}
	givers.Wait()
	if ran.Load() != accepted.Load() {
		t.Errorf("%d of %d accepted tasks ran", ran.Load(), accepted.Load())
	}
}

func testAttachAfterClose(t *testing.T, b Backend) {
	pl := newPoller(t, b)
	pl.Close()
	near, far := b.Pair(t)
	defer far.Close()
	p := newProbe(t)
	if err := pl.Attach(nil, near, nil, &p.Conn, p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Attach: got %v, want net.ErrClosed", err)
	}
	if !p.Closed() {
		t.Error("the Conn is not closed")
	}
	if _, err := near.Write([]byte("x")); err == nil {
		t.Error("the net.Conn is not closed")
	}
	if _, err := pl.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Listen: got %v, want net.ErrClosed", err)
	}
}

func testAttachTwice(t *testing.T, b Backend) {
	p := newProbe(t)
	pl, _ := one(t, b, p)
	near, far := b.Pair(t)
	defer near.Close()
	defer far.Close()
	defer func() {
		if recover() == nil {
			t.Error("a second Attach of one Conn did not panic")
		}
	}()
	pl.Attach(nil, near, nil, &p.Conn, p)
}

func testAddresses(t *testing.T, b Backend) {
	near, far := b.Pair(t)
	defer far.Close()
	local, remote := near.LocalAddr(), near.RemoteAddr()
	pl := newPoller(t, b)
	p := newProbe(t)
	if err := pl.Attach(nil, near, nil, &p.Conn, p); err != nil {
		t.Fatal(err)
	}
	on(t, p.Loop(), func() {
		if got := p.LocalAddr(); got.Network() != local.Network() || got.String() != local.String() {
			t.Errorf("LocalAddr: got %v, want %v", got, local)
		}
		if got := p.RemoteAddr(); got.Network() != remote.Network() || got.String() != remote.String() {
			t.Errorf("RemoteAddr: got %v, want %v", got, remote)
		}
		p.close()
		if p.LocalAddr() != nil || p.RemoteAddr() != nil {
			t.Error("a closed Conn has an address")
		}
	})
}
