package poller

import (
	"net"
	"sync"
	"sync/atomic"
)

// A Loop is one goroutine, not locked to a thread, that serves the connections attached to it. All
// calls of their Handlers, of the functions given to Do and of Options.Turn happen on it, one at a
// time.
type Loop struct {
	// Value is the embedder's. It is set in Options.Start and not changed after.
	Value any

	p       *Poller
	index   int
	back    backend  // the reactor, or a channel
	reactor *reactor // nil where back is a channel
	faults  Faults   // of Options; nil

	// Shared by those who give the loop work.
	woken  atomic.Bool // a wake-up is on its way
	turn   atomic.Bool // Wake was called
	stop   atomic.Bool // Poller.Close was called
	taskMu sync.Mutex  // guards the following two
	tasks  []func()
	done   bool // tasks are refused

	// gate is held for reading by those who touch the back end's descriptors from outside, so that
	// none is used after it was closed and its number is another's. closed: nothing is attached.
	gate   sync.RWMutex
	closed bool

	// Owned by the loop.
	buf        []byte
	spareTasks []func()
	reread     []*Conn
	spareConns []*Conn
	early      map[*Conn][]byte // bytes given to Attach, until Data takes them
}

// Index returns the loop's number, from 0 to Poller.Loops()-1.
func (l *Loop) Index() int { return l.index }

// Poller returns the Poller that l belongs to.
func (l *Loop) Poller() *Poller { return l.p }

// Do runs f on the loop, after what was given to it before and not within Do. It may be called from
// any goroutine and never blocks. Tasks given by tasks run in a later turn, after sockets had theirs.
// False: the loop has ended and f will not run; true: it will, also when the Poller is being closed.
func (l *Loop) Do(f func()) bool {
	l.taskMu.Lock()
	if l.done {
		l.taskMu.Unlock()
		return false
	}
	l.tasks = append(l.tasks, f)
	l.taskMu.Unlock()
	l.wake()
	return true
}

// Wake asks for a call of Options.Turn on the loop. Any number of calls before that Turn begins are
// answered by one. It may be called from any goroutine, allocates nothing and never blocks. After
// the loop's end it does nothing.
func (l *Loop) Wake() {
	if !l.turn.Load() && l.turn.CompareAndSwap(false, true) {
		l.wake()
	}
}

// wake makes the loop call work soon; one signal stands for any number of calls.
func (l *Loop) wake() {
	if !l.woken.CompareAndSwap(false, true) {
		return
	}
	l.gate.RLock()
	if !l.closed {
		l.back.signal()
	}
	l.gate.RUnlock()
}

// work is what a wake-up asks for: the tasks given so far, a Turn, the sockets to be read again.
// woken is cleared first, so that what is added from here on brings a wake-up of its own.
func (l *Loop) work() {
	l.woken.Store(false)
	l.runTasks()
	if l.turn.Load() {
		l.turn.Store(false)
		if l.p.options.Turn != nil {
			l.p.options.Turn(l)
		}
	}
	conns := l.reread
	l.reread = l.spareConns[:0]
	for i, c := range conns {
		conns[i] = nil
		c.flags.And(^uint32(connQueued))
		c.read()
	}
	l.spareConns = spare(conns)
}

// runTasks runs the tasks that are there now.
func (l *Loop) runTasks() {
	l.taskMu.Lock()
	tasks := l.tasks
	l.tasks = l.spareTasks[:0]
	l.taskMu.Unlock()
	for i, f := range tasks {
		tasks[i] = nil
		f()
	}
	l.spareTasks = spare(tasks)
}

// spare returns the memory of s for the next turn unless a burst has made it large.
func spare[T any](s []T) []T {
	if cap(s) > maxSpareTasks {
		return nil
	}
	return s[:0]
}

// again has c read in a later turn, behind the other sockets.
func (l *Loop) again(c *Conn) {
	if c.flags.Or(connQueued)&connQueued == 0 {
		l.reread = append(l.reread, c)
		l.wake()
	}
}

// run serves until Poller.Close, then ends what is left.
func (l *Loop) run() {
	defer l.p.loops.Done()
	l.back.poll(l)

	l.gate.Lock()
	l.closed = true
	l.gate.Unlock()
	for _, c := range l.p.conns(l) {
		c.open()
		c.end(net.ErrClosed)
	}
	l.taskMu.Lock()
	l.done = true
	l.taskMu.Unlock()
	l.runTasks()
	l.early = nil
	l.back.close()
}
