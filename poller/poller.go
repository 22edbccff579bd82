package poller

import (
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures a Poller. The zero value of a field picks the default in its comment.
type Options struct {
	Loops     int // event loops; GOMAXPROCS
	ReadBytes int // read buffer of a loop; 64 KiB, at most 256 KiB
	TurnBytes int // read from one socket before the others get their turn; 256 KiB

	// UnackedTime is how long a peer may leave unacknowledged what it was sent, or keep its window at
	// zero, until the system ends the connection with ETIMEDOUT; 0: as long as the system likes. It is
	// for what listeners with a descriptor of their own accept, on Linux; others have no such option.
	UnackedTime time.Duration

	// Streams serves every connection as a stream, on loops that are plain goroutines and channels.
	// A system without a reactor does so always. testing/synctest can follow such loops.
	Streams bool

	// Start runs once per loop within New, before the loop serves anything: the place for Loop.Value.
	Start func(l *Loop)

	// Turn runs on the loop after Wake, once for any number of Wakes, at most once between two rounds
	// of I/O.
	Turn func(l *Loop)

	// Faults come between the reactor and the system, in tests; nil.
	Faults Faults

	Log *slog.Logger // what a listener or a loop has to say; slog.Default()
}

// withDefaults returns a checked copy of o.
func (o Options) withDefaults() (Options, error) {
	if o.Loops < 0 || o.Loops > maxLoops {
		return o, fmt.Errorf("poller: Loops is %d, not 0 to %d", o.Loops, maxLoops)
	}
	if o.ReadBytes < 0 || o.ReadBytes > maxReadBytes {
		return o, fmt.Errorf("poller: ReadBytes is %d, not 0 to %d", o.ReadBytes, maxReadBytes)
	}
	if o.TurnBytes < 0 {
		return o, fmt.Errorf("poller: TurnBytes is %d", o.TurnBytes)
	}
	if o.UnackedTime < 0 || o.UnackedTime > math.MaxInt32*time.Millisecond {
		return o, fmt.Errorf("poller: UnackedTime is %v", o.UnackedTime)
	}
	if o.Loops == 0 {
		o.Loops = min(runtime.GOMAXPROCS(0), maxLoops)
	}
	if o.ReadBytes == 0 {
		o.ReadBytes = defaultReadBytes
	}
	if o.TurnBytes == 0 {
		o.TurnBytes = defaultTurnBytes
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if !haveReactor {
		o.Streams = true
	}
	return o, nil
}

// A Poller is a set of loops and what is attached to them.
type Poller struct {
	options Options
	loops   sync.WaitGroup // the loops' goroutines
	all     []*Loop
	next    atomic.Uint32 // deals connections to loops
	table   table         // descriptor → Conn, over all loops
	streams streamSet

	mu        sync.Mutex // guards the following
	listeners map[*Listener]struct{}
	acceptor  *Loop // accepts for several loops; nil until the first listener that needs it
	closed    bool
}

// New starts the loops. Close ends them.
func New(o Options) (*Poller, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	quietNetpoll()
	p := &Poller{options: o, listeners: make(map[*Listener]struct{})}
	for i := range o.Loops {
		l, err := p.newLoop(i)
		if err != nil {
			for _, l := range p.all {
				l.back.close()
			}
			return nil, fmt.Errorf("poller: %w", err)
		}
		p.all = append(p.all, l)
	}
	for _, l := range p.all {
		if !o.Streams {
			l.buf = make([]byte, o.ReadBytes)
		}
		if o.Start != nil {
			o.Start(l)
		}
		p.loops.Add(1)
		go l.run() // ends on Close; Close waits
	}
	return p, nil
}

// newLoop makes a loop that does not run yet.
func (p *Poller) newLoop(index int) (*Loop, error) {
	l := &Loop{p: p, index: index}
	if p.options.Streams {
		l.back = make(channel, 1)
		return l, nil
	}
	r, err := openReactor()
	if err != nil {
		return nil, err
	}
	l.reactor, l.back = r, r
	l.useFaults()
	return l, nil
}

// Loops returns the number of loops.
func (p *Poller) Loops() int { return len(p.all) }

// Loop returns loop i, from 0 to Loops()-1. It may be called from any goroutine.
func (p *Poller) Loop(i int) *Loop { return p.all[i] }

// deal returns the loops one after another.
func (p *Poller) deal() *Loop {
	return p.all[int((p.next.Add(1)-1)%uint32(len(p.all)))]
}

// conns returns all connections of l that are not closed.
func (p *Poller) conns(l *Loop) []*Conn {
	return p.streams.of(l, p.table.of(l))
}

// Close closes the listeners (what waits in them is dealt first), then ends the loops and waits for
// them. Every Conn that has not had its End gets End(net.ErrClosed) on its loop, and its owner is to
// close it there; one that is left open stays so until its owner calls Close, but nothing more
// arrives on it (a stream is cut). Tasks accepted by Do are run. Streams have two seconds to write
// what they have accepted. A second Close waits too and returns nil.
//
// Close must not be called on a loop or from a Listener's deal function: it would wait for itself.
func (p *Poller) Close() error {
	p.mu.Lock()
	p.closed = true
	listeners := make([]*Listener, 0, len(p.listeners))
	for ln := range p.listeners {
		listeners = append(listeners, ln)
	}
	all := p.all
	if p.acceptor != nil {
		all = append(all[:len(all):len(all)], p.acceptor)
	}
	p.mu.Unlock()

	for _, ln := range listeners {
		_ = ln.Close() // what it could say was said to whoever closed it first
	}
	for _, l := range all {
		l.stop.Store(true)
		l.wake()
	}
	p.loops.Wait()
	p.streams.wait()
	return nil
}
