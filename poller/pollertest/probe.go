package pollertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/poller"
)

// probe is a Handler that checks the order of its calls and passes them on to the functions that a
// test has set. It is also an owner as owners should be: mu serialises the writes and Close.
type probe struct {
	poller.Conn
	t testing.TB

	// Set before Attach; nil: nothing is done.
	open, turned, drain func()
	room                func() []byte
	data                func(b []byte)
	end                 func(err error)

	inside atomic.Int32 // calls under way

	// Owned by the loop: where in the order of calls we are.
	opened, inTurn, over bool

	closed chan struct{} // by close
	ended  chan error    // what End was called with

	mu      sync.Mutex // guards the writes, Close and the following
	backlog []byte
}

var _ poller.Handler = (*probe)(nil)

func newProbe(t testing.TB) *probe {
	return &probe{t: t, closed: make(chan struct{}), ended: make(chan error, 1)}
}

// enter begins a call of the given name; the function that it returns ends it.
func (p *probe) enter(name string) func() {
	if p.inside.Add(1) != 1 {
		p.t.Errorf("%s is called during another call", name)
	}
	if p.Closed() {
		p.t.Errorf("%s is called after Close", name)
	}
	if p.opened == (name == "Open") {
		p.t.Errorf("%s is called, opened: %v", name, p.opened)
	}
	if p.over && name != "Drain" {
		p.t.Errorf("%s is called after End", name)
	}
	return func() { p.inside.Add(-1) }
}

func (p *probe) Open() {
	defer p.enter("Open")()
	p.opened = true
	call(p.open)
}

func (p *probe) Room() []byte {
	defer p.enter("Room")()
	if p.room == nil {
		return nil
	}
	return p.room()
}

func (p *probe) Data(b []byte) {
	defer p.enter("Data")()
	if p.Paused() {
		p.t.Error("Data is called while paused")
	}
	if len(b) == 0 {
		p.t.Error("Data is called with nothing")
	}
	p.inTurn = true
	if p.data != nil {
		p.data(b)
	}
	for i := range b {
		b[i] = 0xDD // it may be written to, and nobody may look at it after
	}
}

func (p *probe) Turned() {
	defer p.enter("Turned")()
	if !p.inTurn {
		p.t.Error("Turned is called without Data")
	}
	p.inTurn = false
	call(p.turned)
}

func (p *probe) Drain() {
	defer p.enter("Drain")()
	if p.drain != nil {
		p.drain()
		return
	}
	p.flush()
}

func (p *probe) End(err error) {
	defer p.enter("End")()
	if p.inTurn {
		p.t.Error("End is called before Turned")
	}
	p.over = true
	p.ended <- err
	if p.end != nil {
		p.end(err)
		return
	}
	p.close()
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// close closes the connection as its owner; on the loop.
func (p *probe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Close() == nil {
		close(p.closed)
	}
}

// send writes b behind what waits, and keeps what does not go. It returns what waits now.
func (p *probe) send(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	if len(p.backlog) == 0 {
		n, _ = p.Write(b) // a broken connection is told by End
	}
	p.backlog = append(p.backlog, b[n:]...)
	return len(p.backlog)
}

// flush writes what waits and returns what still does.
func (p *probe) flush() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, _ := p.Write(p.backlog) // a broken connection is told by End
	p.backlog = p.backlog[n:]
	return len(p.backlog)
}

// echo sets p up to send everything back, and to read no more than what its peer takes.
func (p *probe) echo() {
	p.data = func(b []byte) {
		if p.send(b) > 0 {
			p.Pause()
		}
	}
	p.drain = func() {
		if p.flush() > 0 {
			return
		}
		p.Resume()
		if p.over {
			p.close()
		}
	}
	p.end = func(error) {
		p.mu.Lock()
		waits := len(p.backlog) > 0
		p.mu.Unlock()
		if !waits {
			p.close()
		}
	}
}

// collect sets p up to gather what comes; the channel has it all when the peer has ended.
func (p *probe) collect() <-chan []byte {
	all := make(chan []byte, 1)
	var got []byte
	p.data = func(b []byte) { got = append(got, b...) }
	p.end = func(error) {
		all <- got
		p.close()
	}
	return all
}

// newPoller starts a Poller that ends with the test.
func newPoller(t testing.TB, b Backend) *poller.Poller {
	t.Helper()
	p, err := poller.New(b.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// attach attaches the near end of a pair for p and returns the far one, which ends with the test.
func attach(t testing.TB, b Backend, pl *poller.Poller, p *probe, early []byte) net.Conn {
	t.Helper()
	near, far := b.Pair(t)
	t.Cleanup(func() { far.Close() })
	if err := pl.Attach(nil, near, early, &p.Conn, p); err != nil {
		t.Fatal(err)
	}
	return far
}

// one is newPoller and attach.
func one(t testing.TB, b Backend, p *probe) (*poller.Poller, net.Conn) {
	t.Helper()
	pl := newPoller(t, b)
	return pl, attach(t, b, pl, p, nil)
}

// on runs f on l and waits for it.
func on(t testing.TB, l *poller.Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Do(func() { defer close(done); f() }) {
		t.Fatal("the loop has ended")
	}
	<-done
}

// settle waits until l has had a look at its sockets after what happened before.
func settle(t testing.TB, l *poller.Loop) {
	for range 3 {
		on(t, l, func() {})
	}
}

// write writes b to the far end on a goroutine of its own; the channel has its error.
func write(far net.Conn, b []byte) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := far.Write(b)
		done <- err
	}()
	return done
}

// exchange writes b to the far end and returns as many bytes as come back.
func exchange(t testing.TB, far net.Conn, b []byte) []byte {
	t.Helper()
	done := write(far, b)
	got := make([]byte, len(b))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	return got
}

// pattern returns n bytes in which no two short stretches are alike.
func pattern(n int, seed uint32) []byte {
	b := make([]byte, n)
	x := seed*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}
