package pool

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
)

// countdowns log items of PushN, which count themselves down, and end their goroutine at -1.
func countdowns(w *Workers, batch int) *Strands[*log, int] {
	return NewStrands(w, StrandsOptions[*log, int]{
		Run: func(l *log, item *int, left int) {
			l.printf("%d/%d", *item, left)
			if *item--; *item == -2 {
				runtime.Goexit()
			}
		},
		Before: func(l *log) { l.printf("before") },
		After:  func(l *log) { l.printf("after") },
		Batch:  batch,
	})
}

// TestPushN: each call counts like an item, and a batch may end between two.
func TestPushN(t *testing.T) {
	for _, tt := range []struct {
		batch int
		want  []string
	}{
		{0, []string{"before", "30/4", "29/3", "28/2", "10/1", "20/0", "after"}},
		{2, []string{"before", "30/4", "29/3", "after", "before", "28/2", "10/1", "after", "before", "20/0", "after"}},
	} {
		t.Run(fmt.Sprint("batch ", tt.batch), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := NewWorkers(1, 1)
				ss := countdowns(w, tt.batch)
				release := block(t, w, 1)
				var l log
				got := [3]int{ss.PushN(&l, &l.line, 30, 3), ss.Push(&l, &l.line, 10), ss.PushN(&l, &l.line, 20, 1)}
				if got != [3]int{3, 4, 5} || l.line.Depth() != 5 {
					t.Errorf("depths %v and then %d, want 3, 4, 5 and 5", got, l.line.Depth())
				}
				release()
				synctest.Wait()
				l.check(t, tt.want...)
				if l.line.Depth() != 0 || l.line.s.Load() != nil {
					t.Error("an empty line holds a strand")
				}
				w.Close()
				if ss.PushN(&l, &l.line, 2, 2) != 0 || len(l.lines) != len(tt.want) {
					t.Error("a push to closed Workers was not refused")
				}
			})
		})
	}
}

// TestPushNGoexit: what a call ends is its goroutine; the calls behind it are made on another.
func TestPushNGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := countdowns(w, 0)
		release := block(t, w, 1)
		var l log
		ss.PushN(&l, &l.line, 0, 4)
		release()
		synctest.Wait()
		l.check(t, "before", "0/3", "-1/2", "after", "before", "-2/1", "-3/0", "after")
		w.Close()
	})
}

// TestPushNRunning: each call has a Turn of its own, and its line is its own on whatever goroutine.
func TestPushNRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := heldStrands(w) // of batches of two
		h := newHeld()
		ss.PushN(h, &h.line, 'n', 5)
		seen := map[Turn]bool{}
		for i := range 5 {
			synctest.Wait()
			turn := one(t, ss, h, 'n')
			if seen[turn] || h.line.Depth() != 4-i {
				t.Errorf("call %d: turn %v, before: %v; %d wait", i, turn, seen, h.line.Depth())
			}
			seen[turn] = true
			h.step()
		}
		w.Close()
		for i, was := range h.was {
			if !was {
				t.Errorf("call %d: Mine is wrong", i)
			}
		}
	})
}

func TestPushNRefuses(t *testing.T) {
	w := NewWorkers(1, 1)
	defer w.Close()
	var l log
	mustPanic(t, "pool: PushN of 0", func() { countdowns(w, 0).PushN(&l, &l.line, 1, 0) })
}
