package pool

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"unsafe"
)

// log is an owner that writes down what is run for it.
type log struct {
	line  Line[*log, int]
	lines []string
}

func (l *log) printf(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// strandsOf returns Strands that log items and hooks.
func strandsOf(w *Workers, batch int) *Strands[*log, int] {
	return NewStrands(w, StrandsOptions[*log, int]{
		Run:    func(l *log, item *int, left int) { l.printf("%d/%d", *item, left) },
		Before: func(l *log) { l.printf("before") },
		After:  func(l *log) { l.printf("after") },
		Batch:  batch,
	})
}

func (l *log) check(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(l.lines, want) {
		t.Errorf("got  %q\nwant %q", l.lines, want)
	}
}

func TestNewStrandsRefuses(t *testing.T) {
	w := NewWorkers(1, 0)
	run := func(int, *int, int) {}
	want := "pool: NewStrands: Workers are nil: true, Run is nil: false, Batch is 0"
	mustPanic(t, want, func() { NewStrands(nil, StrandsOptions[int, int]{Run: run}) })
	want = "pool: NewStrands: Workers are nil: false, Run is nil: true, Batch is 0"
	mustPanic(t, want, func() { NewStrands(w, StrandsOptions[int, int]{}) })
	want = "pool: NewStrands: Workers are nil: false, Run is nil: false, Batch is -1"
	mustPanic(t, want, func() { NewStrands(w, StrandsOptions[int, int]{Run: run, Batch: -1}) })
}

func TestSizeOfLine(t *testing.T) {
	if got := unsafe.Sizeof(Line[*log, [10]int]{}); got != 8 {
		t.Errorf("Line is %d bytes, want 8", got)
	}
}

func TestPushDepth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := strandsOf(w, 0)
		release := block(t, w, 1)
		var l log
		for i := range 3 {
			if got := ss.Push(&l, &l.line, i); got != i+1 || l.line.Depth() != i+1 {
				t.Errorf("push %d: depth %d and then %d, want %d", i, got, l.line.Depth(), i+1)
			}
		}
		release()
		synctest.Wait()
		l.check(t, "before", "0/2", "1/1", "2/0", "after")
		if l.line.Depth() != 0 || l.line.s.Load() != nil {
			t.Error("an empty line holds a strand")
		}
		w.Close()
	})
}

// TestRestingStrandIsSmall: what a long queue needed is not kept for the next owner.
func TestRestingStrandIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := strandsOf(w, 0)
		for items, want := range map[int]int{1: firstRingItems, keptRingItems: keptRingItems, keptRingItems + 1: 0} {
			release := block(t, w, 1)
			var l log
			for i := range items {
				ss.Push(&l, &l.line, i)
			}
			s := l.line.s.Load()
			ss.free = sync.Pool{} // the next round is not to get this one
			release()
			synctest.Wait()
			if got := len(s.loads.room); got != want {
				t.Errorf("after %d items: room for %d, want %d", items, got, want)
			}
			if s.owner != nil || s.line != nil {
				t.Error("a strand that is home knows its last owner")
			}
			ss.free = sync.Pool{}
		}
		w.Close()
	})
}

// TestDepthOfAnothers is the moment between loading a line's strand and locking it.
func TestDepthOfAnothers(t *testing.T) {
	var l, other Line[*log, int]
	s := &strand[*log, int]{line: &other}
	*s.loads.push() = load[int]{1, 1}
	s.pushed.Add(1)
	l.s.Store(s)
	if got := l.Depth(); got != 0 {
		t.Errorf("depth is %d, want 0", got)
	}
}

func TestBatchesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		var order []*log
		ss := NewStrands(w, StrandsOptions[*log, int]{
			Run:   func(l *log, _ *int, _ int) { order = append(order, l) },
			After: func(l *log) { l.printf("after %d", len(order)) },
			Batch: 3,
		})
		release := block(t, w, 1)
		var a, b, c log
		for i := range 7 {
			ss.Push(&a, &a.line, i)
		}
		for i := range 3 {
			ss.Push(&b, &b.line, i)
		}
		ss.Push(&c, &c.line, 0)
		release()
		synctest.Wait()
		if want := []*log{&a, &a, &a, &b, &b, &b, &c, &a, &a, &a, &a}; !slices.Equal(order, want) {
			t.Error("owners with more than a batch did not let the others run")
		}
		a.check(t, "after 3", "after 10", "after 11")
		b.check(t, "after 6")
		w.Close()
	})
}

func TestDefaultBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := strandsOf(w, 0)
		release := block(t, w, 1)
		var l log
		for i := range 65 {
			ss.Push(&l, &l.line, i)
		}
		release()
		synctest.Wait()
		if got := slices.Index(l.lines, "after"); got != 65 || len(l.lines) != 65+4 {
			t.Errorf("After is line %d of %d, want 65 of 69", got, len(l.lines))
		}
		w.Close()
	})
}

// TestPushFromRun: what an item pushes for its owner comes behind what waits, in a batch of its
// own.
func TestPushFromRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2, 1)
		var l, other log
		var ss *Strands[*log, int]
		ss = NewStrands(w, StrandsOptions[*log, int]{
			Run: func(o *log, item *int, left int) {
				o.printf("%d/%d", *item, left)
				if o == &l && *item < 2 {
					o.printf("depth %d", ss.Push(o, &o.line, *item+1))
					ss.Push(&other, &other.line, *item)
				}
			},
			Before: func(l *log) { l.printf("before") },
			After:  func(l *log) { l.printf("after") },
		})
		ss.Push(&l, &l.line, 0)
		synctest.Wait()
		l.check(t, "before", "0/0", "depth 1", "after", "before", "1/0", "depth 1", "after", "before", "2/0", "after")
		if other.line.Depth() != 0 || len(other.lines) == 0 {
			t.Error("what was pushed for another did not run")
		}
		w.Close()
	})
}

// TestItemGoexit: the strand goes on, on another goroutine, and After is not left out.
func TestItemGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := NewStrands(w, StrandsOptions[*log, int]{
			Run: func(l *log, item *int, left int) {
				l.printf("%d/%d", *item, left)
				if *item%2 == 0 {
					runtime.Goexit()
				}
			},
			Before: func(l *log) { l.printf("before") },
			After:  func(l *log) { l.printf("after") },
		})
		release := block(t, w, 1)
		var l log
		for i := range 3 {
			ss.Push(&l, &l.line, i)
		}
		release()
		synctest.Wait()
		l.check(t, "before", "0/2", "after", "before", "1/1", "2/0", "after")
		if l.line.s.Load() != nil {
			t.Error("an empty line holds a strand")
		}
		w.Close()
	})
}

func TestStuckOwnerHoldsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2, 1)
		gate := make(chan struct{})
		ss := NewStrands(w, StrandsOptions[*log, int]{Run: func(l *log, item *int, _ int) {
			if *item < 0 {
				<-gate
			}
			l.printf("%d", *item)
		}})
		var stuck, free log
		ss.Push(&stuck, &stuck.line, -1)
		ss.Push(&stuck, &stuck.line, 1)
		for i := range 100 {
			ss.Push(&free, &free.line, i)
		}
		synctest.Wait()
		if len(free.lines) != 100 || len(stuck.lines) != 0 || stuck.line.Depth() != 1 {
			t.Errorf("%d, %d and %d, want 100, 0 and 1", len(free.lines), len(stuck.lines), stuck.line.Depth())
		}
		close(gate)
		w.Close()
		stuck.check(t, "-1", "1")
	})
}

func TestPushAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := strandsOf(w, 0)
		release := block(t, w, 1)
		var early, late log
		ss.Push(&early, &early.line, 0)
		go w.Close() // ends with the jobs, below
		synctest.Wait()
		if got := ss.Push(&late, &late.line, 0); got != 0 || late.line.s.Load() != nil {
			t.Errorf("an idle line: depth %d, want 0 and no strand", got)
		}
		if got := ss.Push(&early, &early.line, 1); got != 2 {
			t.Errorf("a line that has not come to rest: depth %d, want 2", got)
		}
		release()
		w.Close()
		early.check(t, "before", "0/1", "1/0", "after")
		if got := ss.Push(&early, &early.line, 2); got != 0 || len(late.lines) > 0 {
			t.Errorf("closed: depth %d, want 0", got)
		}
	})
}

// TestStrandsRace pushes from many goroutines to a few owners that come to rest all the time: no
// item is lost or run twice, those of one goroutine run in order, those of one owner one at a time,
// and the hooks alternate.
func TestStrandsRace(t *testing.T) {
	const pushers, pushes = 8, 4000
	type owner struct {
		line   Line[*owner, [2]int]
		busy   atomic.Bool
		inside bool // between Before and After: the strand orders these, or -race says so
		next   [pushers]int
	}
	w := NewWorkers(4, 0)
	flip := func(o *owner, inside bool) {
		if o.inside == inside {
			t.Error("Before and After do not alternate")
		}
		o.inside = inside
	}
	ss := NewStrands(w, StrandsOptions[*owner, [2]int]{
		Run: func(o *owner, item *[2]int, left int) {
			if !o.busy.CompareAndSwap(false, true) {
				t.Error("two items of one owner run at a time")
			}
			pusher, i := item[0], item[1]
			if o.next[pusher] != i || !o.inside {
				t.Errorf("item %d of goroutine %d, want %d", i, pusher, o.next[pusher])
			}
			o.next[pusher]++
			item[1]++ // those of two calls are for two
			o.busy.Store(false)
		},
		Before: func(o *owner) { flip(o, true) },
		After:  func(o *owner) { flip(o, false) },
		Batch:  5,
	})
	owners := make([]owner, 3)
	var wg sync.WaitGroup
	for p := range pushers {
		wg.Go(func() {
			for i := 0; i < pushes; i++ {
				n := min(1+i%4/3, pushes-i)
				for k := range owners {
					o := &owners[k]
					if ss.PushN(o, &o.line, [2]int{p, i}, n) == 0 {
						t.Error("a push was refused")
					}
				}
				i += n - 1
				if i%16 == p {
					runtime.Gosched() // the lines come to rest now and then
				}
			}
		})
	}
	wg.Wait()
	w.Close()
	for k := range owners {
		o := &owners[k]
		if want := slices.Repeat([]int{pushes}, pushers); !slices.Equal(o.next[:], want) {
			t.Errorf("owner %d ran %v, want %d of each", k, o.next, pushes)
		}
		if o.line.s.Load() != nil || o.inside {
			t.Errorf("owner %d has not come to rest", k)
		}
	}
}

// TestLeftMeetsTheMark is what pausing at a depth and going on at half of it rests on. Where it
// fails, all sleep for good, which synctest reports.
func TestLeftMeetsTheMark(t *testing.T) {
	const bound, half, items = 8, 4, 20_000
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2, 0)
		resume := make(chan struct{}, items)
		ss := NewStrands(w, StrandsOptions[*log, int]{Run: func(_ *log, _ *int, left int) {
			if left == half {
				resume <- struct{}{}
			}
		}})
		var l log
		for i := range items {
			for len(resume) > 0 {
				<-resume
			}
			if ss.PushN(&l, &l.line, i, 1+i%7) >= bound {
				<-resume
			}
		}
		w.Close()
	})
}
