//go:build !race && !invariants

package wheel

import "testing"

func TestAllocs(t *testing.T) {
	w := New(nodeOf)
	owners := make([]owner, 100)
	again := func(o *owner) { w.Set(o, w.Now()+uint32(o.id)<<8) }
	if got := testing.AllocsPerRun(100, func() {
		for i := range owners {
			owners[i].id = i
			w.Set(&owners[i], w.Now()+uint32(i))
		}
		w.Advance(w.Now()+50, again)
		w.Clear(&owners[0])
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
