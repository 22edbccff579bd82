package engine

import (
	"container/heap"
)

// burden is what a connection holds, and for how long.
type burden struct {
	c     *Conn
	score uint64 // bytes times ticks
}

// burdens are a heap, the greatest first.
type burdens []burden

func (b burdens) Len() int           { return len(b) }
func (b burdens) Less(i, j int) bool { return b[i].score > b[j].score }
func (b burdens) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *burdens) Push(x any)        { *b = append(*b, x.(burden)) }
func (b *burdens) Pop() any {
	last := len(*b) - 1
	x := (*b)[last]
	(*b)[last] = burden{}
	*b = (*b)[:last]
	return x
}

// shed closes connections until the core is well below its limit again: those
// first that hold the most for the longest, over all loops. A loop whose worst
// is not half as bad as another's leaves it to that one, unless nothing else is
// left to do.
//
// A connection that is closed keeps only what was begun and its closing frame.
// If that is too much still at the next tick it loses its socket. tick is true
// once per tick; it is false within the reading of a connection, which is
// spared, and no callback is called then.
func (l *loop) shed(tick bool) {
	if l.barren && !tick {
		return // there is nothing to be found
	}
	b := &l.core.budget
	all := l.burdens(tick)
	heap.Init(&all)
	for len(all) > 0 && b.total.Load() >= b.limit/100*shedPercent {
		worst := all[0]
		l.worst.Store(worst.score)
		if other := l.worseThan(2 * worst.score); other != nil && b.now() < levelBrim {
			other.poll.Wake()
			return
		}
		heap.Pop(&all)
		worst.c.shed(l)
		l.tell()
	}
	l.worst.Store(0)
	l.barren = len(all) == 0 && b.total.Load() >= b.limit/100*shedPercent
	if len(all) > 0 {
		l.worst.Store(all[0].score)
	}
}

// worseThan returns the loop that has the worst connection of all, if its score
// is above the given one.
func (l *loop) worseThan(score uint64) (worst *loop) {
	for _, other := range l.core.loops {
		if s := other.worst.Load(); other != l && s > score {
			worst, score = other, s
		}
	}
	return worst
}

// burdens returns the connections that may be closed for what they hold. Those
// that are closing already lose their sockets if tick is true.
func (l *loop) burdens(tick bool) (all burdens) {
	var over []*Conn
	suspects := l.watched
	if l.core.Compression.dedicated() {
		suspects = l.open // any may have a window
	}
	for _, c := range suspects {
		if c == l.reading {
			continue
		}
		switch score, state := c.burden(l), c.State(); {
		case state == Closing && score > 0:
			over = append(over, c)
		case state < Closing && score > 0:
			all = append(all, burden{c, score})
		}
	}
	for _, c := range over {
		if tick {
			l.count.shed.Add(1)
			c.teardown(l, nil)
		}
	}
	return all
}

// burden is what c holds times for how long it does: what waits for its socket,
// what of its input is not finished, and what of it nobody has read. It is called on the loop.
// One that holds little is no burden, unless there is no other way.
func (c *Conn) burden(l *loop) (score uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 0
	if c.out != nil {
		if since, held := c.out.Held(); held {
			size = max(c.out.Bytes(), c.out.Memory())
			score = uint64(size) * uint64(l.now-since+1)
		}
	}
	if c.more != nil && c.more.held != nil {
		since, _ := c.more.held.Held()
		held := max(c.more.held.Bytes(), c.more.held.Memory())
		size += held
		score += uint64(held) * uint64(l.now-since+1)
	}
	if c.in != nil && c.phase < phaseDone {
		size += c.in.bytes()
		score += uint64(c.in.bytes()) * uint64(l.now-c.in.since+1)
	}
	if n, since := c.unread(); n > 0 {
		size += int(n)
		score += uint64(n) * uint64(l.now-since+1)
	}
	if n := c.windowBytes(); n > 0 {
		size += n
		score += uint64(n)
	}
	if size < minBurdenBytes && l.core.budget.now() < levelBrim {
		return 0
	}
	return score
}

// shed closes c for what it holds. It is called on the loop while c is not
// being read.
func (c *Conn) shed(l *loop) {
	unfinished := c.in != nil
	if unfinished {
		c.in.drop()
		c.in.home()
		c.in = nil
	}
	c.mu.Lock()
	if c.state == Connecting {
		c.mu.Unlock()
		c.refuse(l, unavailable())
		return
	}
	if c.state != Open {
		c.mu.Unlock()
		return
	}
	l.count.shed.Add(1)
	if c.out != nil {
		c.out.Abandon(ErrMemory, (*witness)(c))
	}
	if m := c.more; m != nil {
		if m.held != nil {
			m.held.Abandon(ErrMemory, (*witness)(c))
			c.dropHeld(ErrMemory)
		}
		if m.windows != nil {
			m.windows.in.drop() // no message of the peer counts any more
		}
	}
	e := frame
	if unfinished { // its frames can't be told from each other any more
		e, c.phase = frameThenLinger, phaseDone
	}
	end := &CloseError{Code: StatusTryAgainLater, Reason: "out of memory", Err: ErrMemory}
	c.shutLocked(end, e)
	if in := c.intake(); in != nil {
		in.lose(end)
	}
}
