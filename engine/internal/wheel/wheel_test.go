package wheel

import (
	"slices"
	"testing"
	"unsafe"
)

type owner struct {
	id   int
	node Node[owner]
}

func nodeOf(o *owner) *Node[owner] { return &o.node }

// fired returns the ids of what an Advance to now fires, in order.
func fired(w *Wheel[owner], now uint32) []int {
	var ids []int
	w.Advance(now, func(o *owner) { ids = append(ids, o.id) })
	slices.Sort(ids)
	return ids
}

func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(Node[owner]{}); got != 24 {
		t.Errorf("Node is %d bytes, want 24", got)
	}
	if got := unsafe.Sizeof(Wheel[owner]{}); got != 2672 {
		t.Errorf("Wheel is %d bytes, want 2672", got)
	}
}

func TestAdvanceFiresAtTheTick(t *testing.T) {
	for _, start := range starts {
		for _, ahead := range []uint32{1, 2, 63, 64, 65, 4095, 4096, 1 << 18, 1<<18 + 1, 1 << 24, 1 << 30, 1<<31 - 1} {
			w := New(nodeOf)
			w.now = start
			o := &owner{id: 7}
			w.Set(o, start+ahead)
			if got := fired(w, start+ahead-1); len(got) > 0 {
				t.Errorf("from %d, set %d ahead: fired a tick too early", start, ahead)
			}
			if got := fired(w, start+ahead); !slices.Equal(got, []int{7}) {
				t.Errorf("from %d, set %d ahead: got %v at its tick, want [7]", start, ahead, got)
			}
		}
	}
}

func TestSetPastFiresNext(t *testing.T) {
	for _, tick := range []uint32{100, 99, 0, 100 + 1<<31, 101} {
		w := New(nodeOf)
		w.Advance(100, nil)
		w.Set(&owner{id: 1}, tick)
		if got := fired(w, 100); len(got) > 0 {
			t.Errorf("tick %d: fired by an Advance that does not move", tick)
		}
		if got := fired(w, 101); !slices.Equal(got, []int{1}) {
			t.Errorf("tick %d: got %v in the next Advance, want [1]", tick, got)
		}
	}
}

func TestAdvanceBackwardsMovesNothing(t *testing.T) {
	w := New(nodeOf)
	w.Advance(100, nil)
	w.Set(&owner{id: 1}, 150)
	if got := fired(w, 50); len(got) > 0 || w.Now() != 100 {
		t.Errorf("got %v and Now %d, want nothing and 100", got, w.Now())
	}
	if got := fired(w, 150); !slices.Equal(got, []int{1}) {
		t.Errorf("got %v, want [1]", got)
	}
}

func TestFireClearsItsNeighbours(t *testing.T) {
	w := New(nodeOf)
	owners := make([]owner, 10)
	for i := range owners {
		owners[i].id = i
		w.Set(&owners[i], 5)
	}
	calls := 0
	w.Advance(5, func(o *owner) {
		calls++
		for i := range owners {
			w.Clear(&owners[i])
		}
	})
	if calls != 1 || w.Len() != 0 {
		t.Errorf("%d fired and %d are left, want 1 and 0", calls, w.Len())
	}
}

func TestFireSetsItselfToNow(t *testing.T) {
	w := New(nodeOf)
	o := &owner{}
	w.Set(o, 3)
	calls := 0
	again := func(o *owner) {
		calls++
		w.Set(o, w.Now())
	}
	for now := uint32(3); now <= 5; now++ {
		w.Advance(now, again)
	}
	if calls != 3 {
		t.Errorf("fired %d times in three Advances, want 3", calls)
	}
}

func TestFirePanicsAndTheRestIsKept(t *testing.T) {
	w := New(nodeOf)
	owners := make([]owner, 3)
	for i := range owners {
		owners[i].id = i
		w.Set(&owners[i], 5)
	}
	func() {
		defer func() { _ = recover() }() // the panic of fire
		w.Advance(5, func(*owner) { panic("fire") })
	}()
	if next, ok := w.Next(); !ok || next != 5 {
		t.Errorf("Next is %d, %t, want 5, true", next, ok)
	}
	if got := fired(w, 5); len(got) != 2 || w.Len() != 0 {
		t.Errorf("%d fired and %d are left, want 2 and 0", len(got), w.Len())
	}
}

func TestNextLeadsToTheDeadline(t *testing.T) {
	for _, start := range starts {
		w := New(nodeOf)
		w.now = start
		o := &owner{}
		w.Set(o, start+1<<31-1)
		steps := 0
		for ; w.Len() > 0; steps++ {
			next, ok := w.Next()
			if !ok {
				t.Fatal("Next is false with a deadline set")
			}
			w.Advance(next, func(*owner) {})
		}
		if steps > levels || w.Now() != start+1<<31-1 {
			t.Errorf("from %d: %d steps to %d, want at most %d to %d", start, steps, w.Now(), levels, start+1<<31-1)
		}
	}
}
