package engine

import "time"

// posts are the publications of one loop: those that wait, and the one that is
// being given out. What is done of them in one turn is bounded, so that sockets
// are read, and the clock moves on, whatever is published.
type posts struct {
	list    []post
	next    int             // the first of list that is not given to all
	told    int             // the first of list that is not known to be written
	members []*subscription // of the shard of list[next], once it was begun
	given   int             // how many of members have it
}

// post queues p for the loop's next turn, with a reference of its own, unless
// too much waits there: then it returns why it is dropped, otherwise -1. kept is
// true if a place is kept for it.
func (l *loop) post(p *post, kept bool) (why int) {
	if !kept && l.weigh() == levelBrim {
		return dropShort
	}
	l.mu.Lock()
	if kept {
		l.unkeep(len(p.buf.B))
	}
	if !kept && l.crowded() || l.dead.Load() {
		l.mu.Unlock()
		return dropCrowded
	}
	p.retain()
	p.number = l.made.Add(1) - 1
	l.posted = append(l.posted, *p)
	l.owed.Add(int64(p.members))
	l.waiting++
	l.waitingBytes += len(p.buf.B)
	l.mu.Unlock()
	l.poll.Wake()
	return -1
}

// collect takes over what others have asked of the loop, and reports whether
// something is left, because what was taken before is not done.
func (l *loop) collect() (left bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flushed == len(l.flush) {
		l.flush, l.dirty = l.dirty, l.flush[:0]
		l.flushed = 0
	} else {
		if l.flushed > len(l.flush)/2 { // what is served takes no room, also if something always waits
			n := copy(l.flush, l.flush[l.flushed:])
			clear(l.flush[n:])
			l.flush, l.flushed = l.flush[:n], 0
		}
		l.flush = append(l.flush, l.dirty...)
		clear(l.dirty)
		l.dirty = l.dirty[:0]
	}
	if p := &l.posts; p.told == len(p.list) {
		p.list, l.posted = l.posted, p.list[:0]
		p.next, p.told = 0, 0
	}
	return len(l.posted) > 0
}

// fanOut gives out publications, as many as there is work for in one turn. One
// that is alone goes straight to the sockets that take it; otherwise what is to
// be written is put on l.flush, so that all publications of a turn leave in one
// write.
func (l *loop) fanOut() {
	done, bytes := 0, 0
	ps := &l.posts
	for work := turnWork; work > 0 && ps.next < len(ps.list); {
		p := &ps.list[ps.next]
		if len(ps.members) == 0 {
			ps.members, ps.given = p.shard.Append(ps.members), 0
		}
		work -= l.giveOut(p, work, len(ps.list) == 1)
		if ps.given < len(ps.members) {
			continue
		}
		done++
		bytes += len(p.buf.B)
		l.gaveOut(p)
		ps.next++
	}
	if done > 0 {
		l.mu.Lock()
		l.waiting -= done
		l.waitingBytes -= bytes
		l.mu.Unlock()
	}
}

// giveOut gives p to those members that do not have it, as far as work goes, and
// returns how much that was.
func (l *loop) giveOut(p *post, work int, alone bool) (done int) {
	ps, each := &l.posts, 1
	if alone {
		each = writeWork
	}
	for ; ps.given < len(ps.members) && done < work; ps.given++ {
		if ps.given%touched == 0 {
			for _, s := range ps.members[ps.given:min(ps.given+touched, len(ps.members))] {
				l.touch(s.conn)
			}
		}
		done += each
		if s := ps.members[ps.given]; s.conn != p.except && p.give(l, s, alone) {
			p.delivered++
		}
	}
	return done + 1
}

// touch reads from each cache line of c that a delivery needs. It is called for
// some connections ahead: the processor waits for all of them at once rather than
// for one after the other between system calls.
func (l *loop) touch(c *Conn) {
	if c.sock.Loop() != nil {
		l.touched += c.id + uint64(c.peer.kind)
	}
}

// gaveOut ends the giving out of p.
func (l *loop) gaveOut(p *post) {
	p.release()
	p.buf, p.forms = nil, nil
	p.flushed = l.settled + uint64(len(l.flush)-l.flushed)
	l.count.published.Add(1)
	l.count.deliveries.Add(p.delivered)
	l.count.framesOut.Add(p.frames)
	l.count.bytesOut.Add(p.bytes)
	l.owed.Add(-int64(p.members))
	if p.lost > 0 {
		p.shard.topic.dropped.Add(p.lost)
	}
	ps := &l.posts
	clear(ps.members)
	ps.members = ps.members[:0]
	if cap(ps.members) > maxSpareTargets {
		ps.members = nil
	}
}

// flushAll serves the connections that have something to do, as many as there is
// work for in one turn.
func (l *loop) flushAll() {
	for work := turnWork; work > 0 && l.flushed < len(l.flush); work -= writeWork {
		if l.flushed%touched == 0 {
			for _, c := range l.flush[l.flushed:min(l.flushed+touched, len(l.flush))] {
				l.touch(c)
			}
		}
		c := l.flush[l.flushed]
		l.flush[l.flushed] = nil
		l.flushed++
		l.settled++
		c.mu.Lock()
		c.queued = false
		if c.phase == phaseOpen && c.slot < 0 { // wire.Open comes first, and does the same
			c.mu.Unlock()
			continue
		}
		c.settle(l)
		c.follow(l)
	}
}

// tellFanOut takes note of the publications that are written, as far as sockets
// took them.
func (l *loop) tellFanOut() {
	ps := &l.posts
	if ps.told == ps.next {
		return
	}
	for now := time.Now(); ps.told < ps.next && ps.list[ps.told].flushed <= l.settled; ps.told++ {
		l.count.fanOut.add(now.Sub(ps.list[ps.told].at))
		ps.list[ps.told] = post{}
	}
	if ps.told == len(ps.list) && cap(ps.list) > maxSparePosts {
		*ps = posts{members: ps.members}
	}
}

// stopPosts gives up the publications of a loop that has ended.
func (l *loop) stopPosts() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead.Store(true)
	for _, list := range [][]post{l.posts.list[l.posts.next:], l.posted} {
		for i := range list {
			list[i].release()
		}
	}
	l.posts, l.posted = posts{}, nil
	l.waiting, l.waitingBytes = 0, 0
	l.owed.Store(0)
}
