package sendq

// clock knows how long the frames of a held Queue have waited. Ticks wrap.
type clock struct {
	now   uint32 // as the owner said last
	since uint32 // when Hold was called
	due   uint32 // the earliest deadline, if timed
	last  uint32 // the deadline that was noted last
	held  bool
	timed bool // a frame has a deadline
	mixed bool // deadlines don't follow each other as the frames do
}

// Hold says that the socket takes nothing for now: from tick now on what waits
// grows old, and all memory of the Queue is charged. A second Hold does
// nothing.
func (q *Queue) Hold(now uint32) {
	c := &q.clock
	if c.held {
		return
	}
	q.list()
	*c = clock{held: true, now: now, since: now}
	for i := q.data.head; i < len(q.data.fs); i++ {
		if f := &q.data.fs[i]; !f.gone {
			c.begin(f)
		}
	}
	q.charge()
}

// Held returns since when the Queue is held, and false if it is not.
func (q *Queue) Held() (since uint32, held bool) { return q.clock.since, q.clock.held }

// begin has f wait from now on.
func (c *clock) begin(f *frame) {
	f.at = c.now
	if f.age > 0 {
		c.note(f.at + f.age)
	}
}

// note takes notice of a deadline.
func (c *clock) note(deadline uint32) {
	if !c.timed {
		c.timed, c.due, c.last = true, deadline, deadline
		return
	}
	if int32(deadline-c.due) < 0 {
		c.due = deadline
	}
	if int32(deadline-c.last) < 0 {
		c.mixed = true
	}
	c.last = deadline
}

// Expire drops the messages that have waited for longer than their Age at tick
// now, and shows them to w; why is told to their senders. It returns true, and
// has dropped no more, when it finds one that must not be dropped.
func (q *Queue) Expire(now uint32, why error, w Witness) (overdue bool) {
	c, was := &q.clock, q.clock
	c.now = now
	if !c.timed || int32(now-c.due) <= 0 {
		return false
	}
	c.timed, c.mixed = false, false
	for i := q.data.head; i < len(q.data.fs); i = q.data.after(i) {
		f := &q.data.fs[i]
		if f.gone || f.begun || f.age == 0 {
			continue
		}
		if int32(now-f.at-f.age) <= 0 {
			c.note(f.at + f.age)
			if !was.mixed { // nor are those behind it
				c.last = was.last
				break
			}
			continue
		}
		if f.class == Data || f.class == Fragment {
			*c = was
			return true
		}
		w.Dropped(Expired, f.b)
		q.drop(i, why)
	}
	q.tidy()
	return false
}
