//go:build !race && !invariants

package sendq

import (
	"sync/atomic"
	"testing"
)

type blind struct{}

func (*blind) Dropped(Reason, []byte) {}

// Once warm, a queue that takes and drops allocates nothing.
func TestAllocs(t *testing.T) {
	var ledger atomic.Int64
	q, w, b := New(&ledger), new(blind), make([]byte, 100)
	defer empty(q)
	stuck(q)
	q.Hold(0)
	var of any = q
	for range 1000 {
		q.Share(nil, b, Terms{Class: Oldest})
	}
	q.ShareKeyed(Key{of, "x"}, nil, b, Terms{Class: Latest}, w)
	now := uint32(0)
	for name, f := range map[string]func(){
		"evict":    func() { q.Share(nil, b, Terms{Class: Oldest}); q.Evict(nil, w) },
		"conflate": func() { q.ShareKeyed(Key{of, "x"}, nil, b, Terms{Class: Latest}, w) },
		"expire":   func() { now += 2; q.Share(nil, b, Terms{Class: Lapsing, Age: 1}); q.Expire(now, nil, w) },
	} {
		for range 3000 {
			f()
		}
		if n := testing.AllocsPerRun(5000, f); n > 0.01 {
			t.Errorf("%s: %.3f allocations", name, n)
		}
	}
}
