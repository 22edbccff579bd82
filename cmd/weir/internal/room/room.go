// Package room says whether there is room for one more connection.
package room

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/memory"
	"github.com/weirws/weir/cmd/weir/internal/rate"
	"github.com/weirws/weir/cmd/weir/internal/reply"
	"github.com/weirws/weir/engine"
)

const (
	// fullPercent of the memory that weir may use is where no more connections
	// are taken.
	fullPercent = 90
	// lookEvery is how often the memory is looked at.
	lookEvery = time.Second
)

// Guard lets connections in, or not. Its methods may be called from any
// goroutine.
type Guard struct {
	see     func() (memory.State, bool)
	rate    rate.Limit
	most    atomic.Int64 // 0: any number
	taken   atomic.Int64 // places
	closed  atomic.Bool
	full    atomic.Bool
	memory  atomic.Pointer[memory.State]
	stop    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// New returns a Guard. see says how it is with memory. Close ends it.
func New(c *config.Limits, see func() (memory.State, bool)) *Guard {
	g := &Guard{see: see, stop: make(chan struct{})}
	g.Change(c)
	g.look()
	g.running.Add(1)
	go g.run() // ends on Close, which waits
	return g
}

// Change gives the guard other limits.
func (g *Guard) Change(c *config.Limits) {
	g.rate.Set(float64(c.ConnectRate))
	g.most.Store(int64(c.MaxConnections))
}

// Shut lets nobody in any more.
func (g *Guard) Shut() { g.closed.Store(true) }

// Close ends what the guard runs, and waits for it.
func (g *Guard) Close() {
	g.once.Do(func() { close(g.stop) })
	g.running.Wait()
}

func (g *Guard) run() {
	defer g.running.Done()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-g.stop:
			return
		case <-tick.C:
			g.look()
		}
	}
}

func (g *Guard) look() {
	if s, ok := g.see(); ok {
		g.memory.Store(&s)
		g.full.Store(s.Full(fullPercent))
	}
}

// Memory is what was seen of the memory last; the zero State where it is not
// known.
func (g *Guard) Memory() memory.State {
	if s := g.memory.Load(); s != nil {
		return *s
	}
	return memory.State{}
}

// Full says why no more connections fit; "" if some do.
func (g *Guard) Full() string {
	if g.full.Load() {
		s := g.Memory()
		return fmt.Sprintf("%d of %d MiB of memory are used, and at %d %% no more connections are taken", s.Used>>20, s.Limit>>20, fullPercent)
	}
	if most := g.most.Load(); most > 0 && g.taken.Load() >= most {
		return fmt.Sprintf("there are %d connections, which is limits.max_connections", most)
	}
	return ""
}

// Judge says whether a connection may ask for a place now; result is what a
// refusal is counted as.
func (g *Guard) Judge() (result string, refusal *engine.Refusal) {
	if g.closed.Load() {
		return "draining", reply.Refusal(http.StatusServiceUnavailable, "this server is shutting down")
	}
	if g.Full() != "" {
		return full()
	}
	if !g.rate.Take() {
		return "too_fast", reply.Refusal(http.StatusServiceUnavailable, "too many connect at once")
	}
	return "", nil
}

// Take takes a place, or refuses like Judge if there is none left. Every place
// that was taken is given back by Leave, once.
func (g *Guard) Take() (result string, refusal *engine.Refusal) {
	if most := g.most.Load(); g.taken.Add(1) > most && most > 0 {
		g.taken.Add(-1)
		return full()
	}
	return "", nil
}

// Leave gives a place back.
func (g *Guard) Leave() { g.taken.Add(-1) }

func full() (result string, refusal *engine.Refusal) {
	return "full", reply.Refusal(http.StatusServiceUnavailable, "this server is full")
}
