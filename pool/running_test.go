package pool

import (
	"runtime"
	"testing"
	"testing/synctest"
)

// held is an owner whose items wait for its gate.
type held struct {
	line Line[*held, byte]
	gate chan struct{}
	mine func() bool // called by each item
	was  []bool
}

// heldStrands run items that wait, and are tagged with themselves; item 'x' ends its goroutine.
func heldStrands(w *Workers) *Strands[*held, byte] {
	return NewStrands(w, StrandsOptions[*held, byte]{
		Run: func(h *held, item *byte, _ int) {
			h.was = append(h.was, h.mine())
			<-h.gate
			if *item == 'x' {
				runtime.Goexit()
			}
		},
		Tag:   func(item *byte) uint8 { return *item },
		Batch: 2,
	})
}

func newHeld() *held {
	h := &held{gate: make(chan struct{})}
	h.mine = h.line.Mine
	return h
}

// step lets the item of h that runs come to its end.
func (h *held) step() {
	h.gate <- struct{}{}
	synctest.Wait()
}

// one returns what runs, which is of one owner only.
func one(t *testing.T, ss *Strands[*held, byte], owner *held, tag byte) Turn {
	t.Helper()
	all := ss.Running(nil)
	if len(all) != 1 || all[0].Owner != owner || all[0].Tag != tag {
		t.Fatalf("got %+v, want one with tag %q", all, tag)
	}
	return all[0].Turn
}

// TestRunning: each item that is run is told once, with its owner and its tag, and no two have the same Turn.
func TestRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(4, 1)
		ss, others := heldStrands(w), heldStrands(w)
		if all := ss.Running(nil); all != nil {
			t.Errorf("at rest: %+v", all)
		}
		a, b, c := newHeld(), newHeld(), newHeld()
		others.Push(c, &c.line, 'o')
		release := block(t, w, 1)
		seen := map[Turn]bool{}
		for _, item := range []byte("xyzxx") { // with those that end their goroutine, and with more than a batch
			ss.Push(a, &a.line, item)
		}
		synctest.Wait()
		for _, item := range []byte("xyzxx") {
			turn := one(t, ss, a, item)
			if again := one(t, ss, a, item); again != turn || seen[turn] {
				t.Errorf("%q: turn %v, then %v; before: %v", item, turn, again, seen)
			}
			seen[turn] = true
			a.step()
		}
		ss.Push(b, &b.line, 'b') // on the strand that a had
		synctest.Wait()
		if turn := one(t, ss, b, 'b'); seen[turn] {
			t.Errorf("%v is told again", turn)
		}
		b.step()
		if all := ss.Running(nil); len(all) != 0 {
			t.Errorf("at rest: %+v", all)
		}
		release()
		c.step()
		w.Close()
		if all := others.Running(nil); len(all) != 0 {
			t.Errorf("closed: %+v", all)
		}
	})
}

// TestMine: an item knows its own line, and no other's, whoever runs on its goroutine before and after.
func TestMine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 1)
		ss := heldStrands(w)
		a, b := newHeld(), newHeld()
		b.mine = a.line.Mine
		for range 3 { // a's batch is 2: b runs while a waits for its turn
			ss.Push(a, &a.line, 'a')
		}
		ss.Push(b, &b.line, 'b')
		if a.line.Mine() {
			t.Error("a's line is a stranger's")
		}
		synctest.Wait()
		a.step()
		a.step()
		b.step()
		a.step()
		w.Close()
		for i, was := range append(a.was, !b.was[0]) {
			if !was {
				t.Errorf("item %d: Mine is wrong; a %v, b %v", i, a.was, b.was)
			}
		}
		if a.line.Mine() {
			t.Error("a line at rest is mine")
		}
	})
}

// TestGoroutine: the number is the goroutine's own.
func TestGoroutine(t *testing.T) {
	own, others := Goroutine(), make(chan uint64)
	go func() { others <- Goroutine() }()
	if other := <-others; own == 0 || other == 0 || own == other || own != Goroutine() {
		t.Errorf("got %d, %d for another one, and then %d", own, other, Goroutine())
	}
}
