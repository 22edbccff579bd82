package pool

// Running is an item that is being run.
type Running[O any] struct {
	Owner O
	Tag   uint8 // of the item: StrandsOptions.Tag
	Turn  Turn
}

// Turn tells the items that are run from each other, for as long as it is kept.
type Turn struct {
	of *task
	n  uint64
}

// Running appends to dst what is being run, in no order. It may be called from any goroutine, waits
// for nothing that is run, and is out of date at once: who finds the same Turn twice knows that its
// item has not come to its end in between.
func (ss *Strands[O, T]) Running(dst []Running[O]) []Running[O] {
	for _, t := range ss.w.tasks() {
		s, ok := t.do.(*strand[O, T])
		if !ok || s.home != ss {
			continue
		}
		s.mu.Lock()
		if s.by != 0 {
			dst = append(dst, Running[O]{Owner: s.owner, Tag: s.tag, Turn: Turn{t, s.begun.Load()}})
		}
		s.mu.Unlock()
	}
	return dst
}

// tasks returns what the goroutines run, or have just run.
func (w *Workers) tasks() (all []*task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wk := range w.all {
		if wk.runs != nil {
			all = append(all, wk.runs)
		}
	}
	return all
}

// Mine reports whether the caller is an item of l that is being run, or was called by one on its
// goroutine.
func (l *Line[O, T]) Mine() bool {
	s := l.s.Load()
	if s == nil {
		return false
	}
	self := Goroutine()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line == l && s.by == self
}
