package engine

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/poller"
	"github.com/weirws/weir/pool"
)

// core is what a Server and a Client have in common: loops, workers, a clock.
type core struct {
	settings
	poll     *poller.Poller
	loops    []*loop
	workers  *pool.Workers
	upgrades *pool.Workers // run Upgrade callbacks
	strands  *pool.Strands[*Conn, item]
	news     *pool.Strands[*news, struct{}]
	budget   budget

	deflaters deflaters
	arrivals  arrivals
	shakes    shakes

	conns     atomic.Int64 // open connections, and upgrades that are sure to succeed
	sockets   atomic.Int64 // attached and not closed
	upgrading atomic.Int64 // Upgrade callbacks that run or wait
	panics    atomic.Uint64

	hung    atomic.Uint64 // callbacks that took longer than SlowCallback
	hanging atomic.Int64  // those of them that run

	start     time.Time
	clock     clock
	watchdog  *watchdog     // nil: nobody looks
	quit      chan struct{} // closed by close
	clockDone chan struct{}
	dogQuit   chan struct{} // closed when all callbacks have returned
	dogDone   chan struct{}
	closeOnce sync.Once
}

// connIDs are unique over all cores of the process.
var connIDs atomic.Uint64

// route is what the connections of one path have in common, and what the opening
// handshake agreed on.
type route struct {
	core      *core
	server    *Server // nil for a Client
	handler   Handler
	codec     codec.Config
	agreement agreement // on compression
	sockets   bool      // they are Sockets: no callback is called

	mu     sync.Mutex           // guards the following
	agreed map[agreement]*route // the same, with each agreement that was met
}

// with returns the route of connections that have agreed on a. There are 512
// agreements at most.
func (rt *route) with(a agreement) *route {
	if a == 0 {
		return rt
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	found := rt.agreed[a]
	if found == nil {
		found = &route{core: rt.core, server: rt.server, handler: rt.handler, codec: rt.codec, agreement: a, sockets: rt.sockets}
		found.codec.Deflate = true
		if rt.agreed == nil {
			rt.agreed = map[agreement]*route{}
		}
		rt.agreed[a] = found
	}
	return found
}

func newCore(s settings) (co *core, err error) {
	co = &core{settings: s, start: time.Now(), quit: make(chan struct{}), clockDone: make(chan struct{}), dogQuit: make(chan struct{}), dogDone: make(chan struct{})}
	co.clock.last, co.clock.roused = co.start, make(chan struct{}, 1)
	co.budget.init(s.MemoryBudget, s.Loops)
	co.deflaters.init(s.CompressionLevel, max(s.Loops, runtime.GOMAXPROCS(0)))
	co.arrivals.init(&co.settings)
	co.shakes.init(s.MaxTLSHandshakes)
	co.workers = pool.NewWorkers(s.Workers, 0)
	co.upgrades = pool.NewWorkers(upgradeWorkers, s.MaxUpgrades)
	co.strands = pool.NewStrands(co.workers, pool.StrandsOptions[*Conn, item]{Run: runItem, Tag: func(it *item) uint8 { return uint8(it.op) }})
	co.news = pool.NewStrands(co.workers, pool.StrandsOptions[*news, struct{}]{Run: (*news).tell})
	co.poll, err = poller.New(poller.Options{
		Loops:     s.Loops,
		ReadBytes: readBytes,
		TurnBytes: turnBytes,
		Streams:   s.streams,
		Faults:    s.faults,

		UnackedTime: min(s.MaxUnackedTime, math.MaxInt32*time.Millisecond),
		Start: func(p *poller.Loop) {
			l := co.newLoop(p)
			p.Value = l
			if s.Inline {
				p.Do(func() { l.goroutine.Store(pool.Goroutine()) })
			}
			co.loops = append(co.loops, l)
		},
		Turn: func(p *poller.Loop) { p.Value.(*loop).turn() },
		Log:  s.Log,
	})
	if err != nil {
		co.upgrades.Close()
		co.workers.Close()
		return nil, fmt.Errorf("engine: %w", err)
	}
	go co.runClock() // ends when quit is closed; close waits
	if co.SlowCallback > 0 {
		co.watchdog = newWatchdog(co)
		go co.watchdog.run() // ends when dogQuit is closed; close waits
	} else {
		close(co.dogDone)
	}
	return co, nil
}

func (co *core) newRoute(s *Server, h Handler) *route {
	if h.Fragment != nil {
		h.Message = nil
	}
	return &route{core: co, server: s, handler: h, codec: codec.Config{
		Client:          s == nil,
		StrictLength:    co.StrictLength,
		SkipUTF8:        co.SkipUTF8,
		Pieces:          h.Fragment != nil,
		MaxMessageBytes: int64(co.MaxMessageBytes),
		MaxFragments:    co.MaxFragments,
	}}
}

// newSockets returns the route of Sockets.
func (co *core) newSockets(s *Server) *route {
	rt := co.newRoute(s, Handler{})
	rt.sockets, rt.codec.Pieces = true, true
	return rt
}

func (co *core) eachLoop(f func(*loop)) {
	for _, l := range co.loops {
		f(l)
	}
}

// newConn returns a connection that is not attached yet.
func (co *core) newConn(r *route) *Conn {
	c := &Conn{route: r, id: connIDs.Add(1), slot: -1}
	if r.sockets {
		c.takeIn()
	}
	co.sockets.Add(1)
	return c
}

// socketGone undoes newConn's count, and that of the Server's arrivals.
func (co *core) socketGone(c *Conn) {
	co.sockets.Add(-1)
	if c.route.server != nil {
		co.arrivals.gone(c.peer)
	}
}

// reserve makes room for one more open connection, if there is some.
func (co *core) reserve() bool {
	if n := co.conns.Add(1); co.MaxConns > 0 && n > int64(co.MaxConns) {
		co.conns.Add(-1)
		return false
	}
	return true
}

// beginUpgrade makes room for one more Upgrade callback, if there is some.
func (co *core) beginUpgrade() bool {
	if co.upgrading.Add(1) > int64(co.MaxUpgrades) {
		co.upgrading.Add(-1)
		return false
	}
	return true
}

func (co *core) endUpgrade() { co.upgrading.Add(-1) }

// unreserve gives the room back of an upgrade that failed after all.
func (co *core) unreserve() { co.conns.Add(-1) }

// close ends all connections without a closing frame, and waits for every
// goroutine. Callbacks that wait are run first.
func (co *core) close() {
	co.closeOnce.Do(func() {
		close(co.quit)
		<-co.clockDone
		_ = co.poll.Close() // it always succeeds
		co.shakes.running.Wait()
		for _, l := range co.loops {
			l.abandon()
			l.stopPosts()
			l.free()
		}
		co.upgrades.Close()
		co.workers.Close()
		close(co.dogQuit)
		<-co.dogDone
	})
}

// abandon ends the connections whose peers had ended them before, and which
// waited for their callbacks, or to be written. The loop has ended.
func (l *loop) abandon() {
	for len(l.open) > 0 {
		c := l.open[len(l.open)-1]
		c.stops.Or(stopEnd)
		c.teardown(l, &CloseError{Code: StatusAbnormalClosure, Err: ErrServerClosed})
	}
}

// free gives back what the loop itself holds of the pool.
func (l *loop) free() {
	if l.spare != nil {
		l.spare.Free()
		l.spare = nil
	}
	l.scratch.drop()
}
