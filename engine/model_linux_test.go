package engine

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/poller"
	"golang.org/x/sys/unix"
)

// tape is an input of a run: whatever is decided is decided by its next byte, and by nothing once it has ended.
type tape struct {
	mu sync.Mutex
	b  []byte
}

func (p *tape) next() (v byte, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.b) == 0 {
		return 0, false
	}
	v, p.b = p.b[0], p.b[1:]
	return v, true
}

func (p *tape) byte() byte {
	v, _ := p.next()
	return v
}

// world is a Server of one loop, between a program and peers that do as the tape says, on a system that answers as it says.
//
// All of it is used on the loop, and on the workers if there are some: they don't run inline only if the tape says so.
type world struct {
	t      *testing.T
	tape   tape // what happens
	system tape // what the system answers
	s      *running
	poll   *poller.Loop
	event  func(fd int, readable, writable bool)
	ln     *listener
	sa     unix.SockaddrUnix
	free   bool // workers run while the next thing happens
	hook   bool // there is an Upgrade callback
	strict bool // no message of ours is dropped
	calm   atomic.Bool
	fails  atomic.Int32 // answers that end a connection
	full   atomic.Int32 // accepts that found no descriptor

	owedMu sync.Mutex // guards the following: a fault may come while mu is held, and while it is not
	owed   []owedEvent

	mu      sync.Mutex // guards the following, and calls of Conn's methods with what is noted of them
	figures []*figure
	dialed  []*figure // not accepted yet
	of      map[*Conn]*figure
	topics  [3]Topic
	pubs    []publication
	away    bool // goAway was called
}

// owedEvent is an edge that a fault has swallowed.
type owedEvent struct {
	fd                 int
	readable, writable bool
}

// Loop, Read, Write and Accept are the system's faults.
func (w *world) Loop(l *poller.Loop, event func(int, bool, bool)) { w.poll, w.event = l, event }

func (w *world) Read(fd, n int) (int, syscall.Errno) {
	return w.answer(fd, n, owedEvent{fd, true, false}, unix.ECONNRESET)
}

func (w *world) Write(fd, n int) (int, syscall.Errno) {
	return w.answer(fd, n, owedEvent{fd, false, true}, unix.EPIPE)
}

// answer is what the system says to a call that could move n bytes. One that finds nothing to do brings an edge later.
func (w *world) answer(fd, n int, edge owedEvent, end syscall.Errno) (int, syscall.Errno) {
	if w.calm.Load() {
		return n, 0
	}
	v, more := w.system.next()
	switch {
	case !more, v >= 150:
		return n, 0
	case v < 30:
		return n, unix.EINTR
	case v == 30:
		w.fails.Add(1)
		return n, end
	}
	w.owe(edge)
	if v < 80 {
		return n, unix.EAGAIN
	}
	return 1 + int(v)*7%n, 0
}

// owe notes an edge.
func (w *world) owe(edge owedEvent) {
	w.owedMu.Lock()
	defer w.owedMu.Unlock()
	w.owed = append(w.owed, edge)
}

// repay brings the edges that faults have swallowed.
func (w *world) repay() {
	w.owedMu.Lock()
	owed := w.owed
	w.owed = nil
	w.owedMu.Unlock()
	for _, o := range owed {
		w.event(o.fd, o.readable, o.writable)
	}
}

// Accept fails before the system's.
func (w *world) Accept() syscall.Errno {
	if w.calm.Load() {
		return 0
	}
	switch v, more := w.system.next(); {
	case !more:
	case v < 10 && w.full.Load() < 2: // each takes some ms
		w.full.Add(1)
		return unix.EMFILE
	case v < 30:
		return unix.ECONNABORTED
	case v < 50:
		return unix.EINTR
	}
	return 0
}

// worlds numbers the addresses.
var worlds atomic.Uint64

func newWorld(t *testing.T, mode byte, ops, answers []byte) *world {
	w := &world{t: t, tape: tape{b: ops}, system: tape{b: answers}, of: map[*Conn]*figure{}}
	w.free, w.hook = mode&2 != 0, mode&4 != 0
	o := Options{
		MaxMessageBytes: fuzzMessageBytes, MaxFragments: fuzzFragments, StrandDepth: 4,
		MaxBacklogBytes: 16 << 10, MaxTopics: 2, MaxConns: 5, Overflow: []Overflow{CloseSlow, CloseSlow, DropNewest, DropOldest}[mode>>3&3],
	}
	w.strict = o.Overflow == CloseSlow
	if mode&32 != 0 {
		o.MemoryBudget = 64 << 10
		w.strict = false
	}
	r := &running{t: t, rules: &rules{t: t}, log: new(logBook)}
	set := rig{inline: mode&1 == 0, loops: 1}.settings(t, &o, r.log)
	set.faults = w
	var err error
	if r.Server, err = newServer(r.rules.hold(w.handler()), set); err != nil {
		t.Fatal(err)
	}
	w.s = r
	w.sa.Name = fmt.Sprintf("@weir-model-%d-%d", os.Getpid(), worlds.Add(1))
	ln, err := r.Listen("unix:" + w.sa.Name)
	if err != nil {
		t.Fatal(err)
	}
	w.ln = ln.(*listener)
	if err := w.ln.Deal(w.deal); err != nil {
		t.Fatal(err)
	}
	return w
}

// deal makes the connection of the first peer that dialed: a Unix socket accepts in order.
func (w *world) deal(l *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
	sock, h := w.s.deal(l, remote)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.dialed[0]
	w.dialed = w.dialed[1:]
	f.dealt = true
	if sock != nil {
		f.c = (*Conn)(h.(*wire))
		w.of[f.c] = f
	}
	return sock, h
}

// step is one thing that happens: a peer does something, the program does, time passes, or the system brings an event. It
// returns how many turns the loop has before the next.
func (w *world) step(v byte) (turns int) {
	if len(w.figures) == 0 || v >= 240 && len(w.figures) < 7 {
		w.dial()
		return int(^v & 7)
	}
	which := w.tape.byte()
	turns = int(^which >> 6)
	f := w.figures[int(which)%len(w.figures)]
	switch v % 16 {
	case 0, 1:
		f.compose(w.tape.byte())
	case 2, 3:
		f.composeControl(w.tape.byte())
	case 4:
		f.composeAnything()
	case 5, 6, 7:
		f.send(1 + int(w.tape.byte())*int(which))
	case 8, 9:
		f.receive(1 + int(which)*64)
	case 10, 11:
		w.act(f, w.tape.byte())
	case 12:
		w.s.core.loops[0].pass(1 + uint32(which)/4)
	case 13:
		w.repay()
	case 14: // events that nobody asked for, of a connection or of whoever has the number
		if c := f.c; which%2 == 0 && f.opened.Load() && c.State() != Closed {
			(*wire)(c).Drain()
			return turns
		}
		w.event(int(which)/2, v&16 != 0, v&32 != 0)
	case 15:
		w.end(f, v, which)
	}
	return turns
}

// end is one of the ways in which things end.
func (w *world) end(f *figure, v, which byte) {
	switch {
	case v < 80:
		f.finish()
	case v < 160:
		f.hangUp()
	case v < 200 && which > 200:
		w.s.stopListening()
		w.mu.Lock()
		w.away = true
		w.mu.Unlock()
		if err := w.s.goAway(context.Background()); err != nil {
			w.t.Error(err)
		}
	}
}

// rest waits until no worker has anything to do.
func (w *world) rest() {
	for end := time.Now().Add(patience / 2); ; runtime.Gosched() { // in less time than who waits for the loop has
		st := w.s.core.workers.Stats()
		if st.Queued == 0 && st.Running <= st.Idle && w.s.core.upgrading.Load() == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Errorf("never: the workers rest: %+v", st)
			return
		}
	}
}

// play runs the tape, each step a task of the loop that asks for the next: sockets have their turn in between.
func (w *world) play() {
	done := make(chan struct{})
	var next func()
	turns := 0
	next = func() {
		if !w.free {
			w.rest()
		}
		if turns--; turns >= 0 {
			w.poll.Do(next) // it is accepted until w.s.end
			return
		}
		v, more := w.tape.next()
		if !more || w.t.Failed() {
			close(done)
			return
		}
		turns = w.step(v)
		w.poll.Do(next)
	}
	w.poll.Do(next)
	within(w.t, "the end of the tape", done)
}

// on runs f on the loop and waits for it.
func (w *world) on(f func()) {
	done := make(chan struct{})
	w.poll.Do(func() {
		defer close(done)
		f()
	})
	within(w.t, "its turn on the loop", done)
}

// settle ends the faults and has everybody do what is left, until nothing is owed any more.
func (w *world) settle() {
	w.calm.Store(true)
	why := ""
	w.until(func() bool {
		w.on(func() {
			w.repay()
			for _, f := range w.figures {
				w.complete(f)
			}
			w.rest()
			why = w.owes()
		})
		return why == "" || w.t.Failed()
	})
	if why != "" && !w.t.Failed() {
		w.t.Errorf("never: %s", why)
	}
}

// until is the other until, but has less patience than a fuzzer's coordinator.
func (w *world) until(cond func() bool) bool {
	for end := time.Now().Add(patience / 2); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (w *world) owes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, f := range w.figures {
		if why := f.owes(); why != "" {
			return fmt.Sprintf("figure %d: %s", i, why)
		}
	}
	return ""
}

// wait lets so much time pass that every connection has ended, since no peer says anything.
func (w *world) wait() {
	left := int64(0)
	for range 50 { // a callback that only now has its turn may begin to close, and workers have one turn in each round
		w.on(func() {
			for _, f := range w.figures {
				if f.opened.Load() {
					f.c.Resume() // while it is paused nobody is taken for dead
				}
			}
			w.s.core.loops[0].pass(600)
			w.rest()
		})
		w.on(func() { left = w.s.Metrics().Sockets })
		if left == 0 {
			return
		}
	}
	w.t.Errorf("%d sockets outlive all deadlines", left)
}

// FuzzModel has peers and the program do anything, on a system that answers anything: short reads and writes, EINTR,
// EAGAIN and the edge much later, errors, events that mean nothing or are another's, accepts that fail, and time that
// jumps. Properties: those of rules for the callbacks; messages arrive in order and unchanged, both ways; a peer gets one
// closing frame, the last one, whose code Close is told; what was accepted is told Done once, with nil if the socket has
// it; once the faults end all that is owed comes; all deadlines close; and nothing is left behind.
//
// With Inline, or with workers that rest before the next step, nothing but the input decides what happens: it is the loop
// that runs everything. Bits of mode: 0 workers, 1 that don't wait for each other, 2 an Upgrade callback, 3 and 4
// Overflow, 5 a small budget, 6 and 7 both: it ends in the middle.
func FuzzModel(f *testing.F) {
	home(f)
	answers := [][]byte{nil, slices.Repeat([]byte{200, 60, 100, 10, 220}, 40), slices.Repeat([]byte{70, 255, 140, 90}, 60)}
	for _, ops := range modelSeeds() {
		for i, mode := range []byte{0, 1, 5, 16, 25, 32} {
			f.Add(mode, ops, answers[i%3])
		}
	}
	f.Fuzz(func(t *testing.T, mode byte, ops, answers []byte) {
		if len(ops) > 1<<11 || len(answers) > 1<<12 {
			t.Skip("longer than anything of interest")
		}
		before := stock()
		w := newWorld(t, mode, ops, answers)
		w.play()
		if mode>>6 != 3 {
			w.settle()
			w.wait()
		}
		w.calm.Store(true)
		w.s.Close()
		w.count()
		w.s.end()
		w.ended()
		if why := before.missing(); why != "" && !t.Failed() {
			t.Error("left behind:", why)
		}
	})
}

// modelSeeds are things that may happen, each with all that it takes.
func modelSeeds() (seeds [][]byte) {
	dial, polite := []byte{240, 254, 19}, []byte{240, 255, 19}
	say := func(do, n byte) []byte { return []byte{0, 0, do, n, 5, 1, 255} } // the peer sends what has the program do that
	do := func(v byte) []byte { return []byte{10, 0, v} }
	hear, repay, second := []byte{8, 0, 8, 255}, []byte{13, 0}, []byte{12, 39}
	all := func(parts ...[]byte) { seeds = append(seeds, join(parts...)) }
	all(polite, say(0, 9), say(2, 90), hear, do(6), do(7), hear, []byte{2, 0, 10, 5, 1, 255}, hear)
	all(dial, do(10), do(30), do(8), do(189), repay, hear, do(11), do(209), hear, do(234), hear, second, second)
	all(polite, do(5), do(105), do(8), do(0), hear, do(18), do(78), do(2), do(17), do(48), do(137), hear)
	all(polite, do(182), do(142), do(182), do(142), do(242), do(142), repay, hear, do(144), hear, repay, hear)
	all(polite, []byte{2, 0, 205, 5, 1, 255}, hear, second)
	all(polite, do(12), say(0, 50), say(0, 50), say(0, 50), do(13), hear, do(255), hear)
	all(polite, say(7, 0), hear, dial, say(16, 3), []byte{47, 0, 95, 1}, hear, []byte{120, 0})
	all(dial, dial, polite, []byte{4, 2, 5, 0x81, 0x85, 0, 0, 0, 5, 2, 255}, []byte{175, 255}, hear, second, second)
	all(polite, []byte{0, 0, 255, 250, 5, 255, 255, 5, 255, 255}, hear, []byte{2, 0, 254, 5, 1, 255}, hear)
	return seeds
}

// count tells the test how many panics there were.
func (w *world) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.figures {
		w.s.panics += uint64(f.panics)
	}
}

var _ poller.Faults = (*world)(nil)
