package engine

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
	"github.com/weirws/weir/engine/internal/wheel"
	"github.com/weirws/weir/poller"
)

// loop is what an event loop keeps for its connections. It is the Value of its
// poller.Loop.
type loop struct {
	core *core
	poll *poller.Loop

	// Owned by the loop.
	now     uint32 // in ticks; stands still while the process does
	clock   uint32 // of core when now last moved
	ticked  int64  // likewise
	stirred bool   // something happened since the last tick
	looked  int    // place in watched where patrol goes on
	expire  func(*Conn)
	wheel   *wheel.Wheel[Conn]
	scratch *inbound      // decodes whatever is complete in one read
	spare   *sendq.Queue  // gathers the replies of the connection that is read
	request codec.Request // head being judged
	answer  []byte        // to a head, before it is queued
	posts   posts         // taken from posted
	plain   []byte        // what a TLS connection has decrypted; nil until there is one
	flush   []*Conn       // taken from dirty
	flushed int           // how many of flush are served
	settled uint64        // how many ever were
	touched uint64        // what touch read; nobody looks at it
	reading *Conn         // whose frames are decoded now
	// strained is true while the budget is above its soft mark.
	strained bool
	// dammed is true while nobody is read, barren after a shed that could not
	// close enough, until the next tick.
	dammed, barren bool
	sofar          uint64 // the worst that patrol has met in this round

	noisy []*Conn // are charged for control frames

	handed bool   // a worker was given something since the last turn
	parcel parcel // small messages on their way to a worker
	ahead  int    // bytes of the read that are not decoded yet

	// messages and bytes were received since they were last added to count.
	messages, bytes uint64

	count  counts
	ledger ledger

	inflating inflating // owned by the loop

	time  atomic.Uint32 // now, for other goroutines
	heard atomic.Uint32 // clock, likewise
	rests atomic.Bool   // the clock leaves the loop alone; written by the loop
	worst atomic.Uint64 // score of the connection that holds the most
	// With Inline, serving is the connection whose callback was called last, and
	// calling which one that was: an op, opMessage unless another runs.
	serving atomic.Pointer[Conn]
	calling atomic.Uint32
	// goroutine is the loop's; 0 without Inline.
	goroutine atomic.Uint64

	// watched are connections that hold memory for as long as their peers want.
	// Changed by the loop alone, with mu held.
	watched []*Conn

	owed   atomic.Int64 // deliveries of what is posted and not made
	untold atomic.Int64 // bytes of the messages that Drop is still to be told of

	made atomic.Uint64 // how many publications were posted; changed with mu held
	dead atomic.Bool   // nothing may be posted any more; likewise

	mu     sync.Mutex // guards the following
	dirty  []*Conn    // have something to do at the next turn
	posted []post     // publications to make at the next turn
	// waiting and waitingBytes are how many publications are not given out, and
	// their size.
	waiting, waitingBytes int
	open                  []*Conn // upgraded and not closed
}

func (co *core) newLoop(p *poller.Loop) *loop {
	l := &loop{core: co, poll: p, scratch: new(inbound)}
	l.expire = l.expired
	l.wheel = wheel.New(func(c *Conn) *wheel.Node[Conn] { return &c.timer })
	return l
}

// mark puts c on the list of those that the loop serves at its next turn. The
// caller has set c.queued, under c.mu, which it may still hold.
func (l *loop) mark(c *Conn) {
	l.mu.Lock()
	l.dirty = append(l.dirty, c)
	first := len(l.dirty) == 1
	l.mu.Unlock()
	if first {
		l.poll.Wake()
	}
}

// turn is called on the loop after a Wake.
func (l *loop) turn() {
	l.reading = nil
	l.heed(l.tick())
	l.yield()
	left := l.collect()
	if l.flushed < len(l.flush) || l.posts.next < len(l.posts.list) {
		l.stir()
	}
	l.fanOut()
	l.flushAll()
	l.tellFanOut()
	if left || l.posts.told < len(l.posts.list) || l.flushed < len(l.flush) {
		l.poll.Wake() // the rest, when sockets had their turn
	}
}

// yield lets workers run that were given something, so that what they send is
// written in this turn. Going to sleep is no substitute: netpoll yields before it,
// but one time in 61 the scheduler comes back at once, and where GOMAXPROCS is 1 a
// worker then waits up to 20 ms until the runtime looks after a sleeping loop.
func (l *loop) yield() {
	if l.handed {
		l.handed = false
		runtime.Gosched()
	}
}

// read notes that c is read from now on.
func (l *loop) read(c *Conn) {
	l.reading = c
	if !l.core.Inline {
		return
	}
	l.serving.Store(c)
	if l.calling.Load() != uint32(opMessage) {
		l.calling.Store(uint32(opMessage)) // a callback of another kind panicked
	}
}

// enter makes c one of the open connections; room for it was reserved.
func (l *loop) enter(c *Conn) {
	l.mu.Lock()
	c.slot = int32(len(l.open))
	l.open = append(l.open, c)
	l.mu.Unlock()
}

// leave takes c off the open connections.
func (l *loop) leave(c *Conn) {
	l.mu.Lock()
	last := len(l.open) - 1
	l.open[c.slot] = l.open[last]
	l.open[c.slot].slot = c.slot
	l.open[last] = nil
	l.open = l.open[:last]
	if cap(l.open) > 1024 && len(l.open) < cap(l.open)/4 {
		l.open = append(make([]*Conn, 0, cap(l.open)/2), l.open...)
	}
	l.mu.Unlock()
	c.slot = -1
	l.core.conns.Add(-1)
}

// snapshot returns the open connections: all of one moment, since one that
// leaves changes the place of another.
func (l *loop) snapshot() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.open)
}
