package engine

import (
	"errors"
	"sync/atomic"

	"github.com/weirws/weir/pool"
)

// ErrMemory is the Err of a connection that was closed with 1013 because the
// engine held more than [Options.MemoryBudget] for its peers.
var ErrMemory = errors.New("engine: over the memory budget")

// budget compares what a core holds for its peers, over all its loops, with
// what it may: queues, messages published and not written everywhere, messages
// received in part, and those that wait for workers or for a reader.
//
// Each loop has a ledger. What is in it is told to the budget when it has moved
// by a grain, so that loops meet at total once in many changes, and at every
// tick.
type budget struct {
	limit int64 // 0: none
	grain int64
	total atomic.Int64
	level atomic.Uint32
	// pressed is true while the process is near GOMEMLIMIT: then the level is
	// levelSoft at least.
	pressed atomic.Bool
	_       [64]byte // what follows changes more often
}

// level says how near the limit a core is.
type level uint32

// The marks of a budget.
const (
	// levelCalm: below 80 %.
	levelCalm level = iota
	// levelSoft: upgrades are refused, and who holds much is not read.
	levelSoft
	// levelHard: at 100 % those that hold the most for the longest are closed.
	levelHard
	// levelBrim: at 105 % nothing more is queued for a socket that takes
	// nothing, no unfinished message grows, and with workers nobody is read.
	levelBrim
)

func (b *budget) init(limit int64, loops int) {
	b.limit = limit
	b.grain = limit / int64(budgetGrains*loops)
}

// now is the level as it was judged last.
func (b *budget) now() level { return level(b.level.Load()) }

// judge sets the level for a total, and reports whether that raised it.
func (b *budget) judge(total int64) (raised bool) {
	lv := levelCalm
	switch {
	case b.limit == 0:
	case total >= b.limit/100*brimPercent:
		lv = levelBrim
	case total >= b.limit:
		lv = levelHard
	case total >= b.limit/100*softPercent:
		lv = levelSoft
	}
	if b.pressed.Load() {
		lv = max(lv, levelSoft)
	}
	if b.now() == lv {
		return false
	}
	return level(b.level.Swap(uint32(lv))) < lv
}

// ledger is what one loop holds for its peers.
type ledger struct {
	lent pool.Account // buffers
	kept atomic.Int64 // queues, and what else is no buffer
	told atomic.Int64 // of both, in budget.total
	_    [48]byte     // what follows is the loop's own
}

func (g *ledger) bytes() int64 { return g.lent.Bytes() + g.kept.Load() }

// weigh tells the budget what the ledger has, if that is news, and returns the
// level. It may be called from any goroutine.
func (l *loop) weigh() level {
	b := &l.core.budget
	if b.limit == 0 {
		return levelCalm
	}
	if d := l.ledger.bytes() - l.ledger.told.Load(); -b.grain < d && d < b.grain {
		return b.now()
	}
	l.tell()
	return b.now()
}

// tell tells the budget what the ledger has.
func (l *loop) tell() {
	b := &l.core.budget
	told, now := l.ledger.told.Load(), l.ledger.bytes()
	if b.limit == 0 || !l.ledger.told.CompareAndSwap(told, now) {
		return // another goroutine tells
	}
	if b.judge(b.total.Add(now - told)) {
		l.core.eachLoop(func(l *loop) { l.poll.Wake() })
	}
}

// heed has the loop's connections follow a change of the level, and closes some
// when it must. It is called on the loop, at every turn.
func (l *loop) heed(tick bool) {
	lv := l.core.budget.now()
	if strained := lv >= levelSoft; strained != l.strained {
		l.strained = strained
		for at := len(l.watched) - 1; at >= 0; at-- {
			if !l.watched[at].inspect(l) {
				l.unwatch(at)
			}
		}
	}
	if lv >= levelHard {
		l.shed(tick)
	}
	switch lv = l.core.budget.now(); {
	case lv == levelBrim && !l.core.Inline:
		l.dam()
	case lv < levelHard && l.dammed:
		l.undam()
	}
}

// restrain stops reading from c, which is open, if it holds much: replies that
// its socket does not take, or a large unfinished message. It is called on the
// loop.
func (c *Conn) restrain(l *loop, blocked bool) {
	if c.phase != phaseOpen || c.stops.Load()&(stopEnd|stopBudget) != 0 {
		return
	}
	if blocked || c.in != nil && c.in.bytes() >= largeBytes {
		c.stops.Or(stopBudget)
		if c.in != nil {
			c.in.stopped = l.now
		}
		c.hold()
	}
}

// weighInput looks at an unfinished message that has just grown.
func (c *Conn) weighInput(l *loop) {
	switch {
	case c.in.doomed:
		c.shed(l)
	case l.weigh() >= levelSoft:
		c.restrain(l, false)
	}
}

// strain has c, whose socket may be blocked, follow the level. It is called on
// the loop.
func (c *Conn) strain(l *loop, blocked bool) {
	if l.weigh() >= levelSoft {
		c.restrain(l, blocked)
	}
	c.relax(blocked)
}

// stuck reports whether c was restrained for so long that its large unfinished
// message is given up. It is called on the loop.
func (c *Conn) stuck(l *loop) bool {
	return c.in != nil && c.in.bytes() >= largeBytes && c.stops.Load()&(stopBudget|stopEnd) == stopBudget && l.now-c.in.stopped > strainTicks
}

// bulky reports whether much has waited for c's socket for long while the process
// is near GOMEMLIMIT: it may be others that need the memory, and no bound of ours
// is reached then. mu is held.
func (c *Conn) bulky(l *loop) bool {
	if !l.core.budget.pressed.Load() || c.state != Open || c.out == nil || c.out.Memory() < largeBytes {
		return false
	}
	since, held := c.out.Held()
	return held && l.now-since > strainTicks
}

// relax undoes restrain if there is no reason any more.
func (c *Conn) relax(blocked bool) {
	if c.stops.Load()&stopBudget == 0 {
		return
	}
	if c.route.core.budget.now() < levelSoft || !blocked && (c.in == nil || c.in.bytes() < largeBytes) {
		c.unstop(stopBudget)
	}
}
