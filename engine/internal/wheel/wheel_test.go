package wheel

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

type owner struct {
	id   int
	node Node[owner]
}

func nodeOf(o *owner) *Node[owner] { return &o.node }

func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(Node[owner]{}); got != 24 {
		t.Errorf("Node is %d bytes, want 24", got)
	}
	if got := unsafe.Sizeof(Wheel[owner]{}); got > 2700 {
		t.Errorf("Wheel is %d bytes, want at most 2700", got)
	}
}

// model is the wheel as one would write it without caring about cost.
type model struct {
	now uint32
	set map[*owner]uint32
}

func (m *model) Set(o *owner, tick uint32) {
	if int32(tick-m.now) <= 0 {
		tick = m.now + 1
	}
	m.set[o] = tick
}

func (m *model) due(now uint32) map[*owner]bool {
	if int32(now-m.now) > 0 {
		m.now = now
	}
	due := make(map[*owner]bool)
	for o, tick := range m.set {
		if int32(tick-m.now) <= 0 {
			due[o] = true
		}
	}
	return due
}

// run plays random operations on a wheel and a model, and on each fire more of them.
func run(t *testing.T, seed uint64, start uint32, ops int) {
	rng := rand.New(rand.NewPCG(seed, uint64(start)))
	w := New(nodeOf)
	m := &model{now: start, set: make(map[*owner]uint32)}
	w.now = start
	owners := make([]owner, 40)
	delta := func() uint32 { return rng.Uint32() >> (rng.IntN(31) + 1) }
	touch := func() {
		o := &owners[rng.IntN(len(owners))]
		switch rng.IntN(4) {
		case 0:
			w.Clear(o)
			delete(m.set, o)
		case 1:
			tick := m.now - uint32(rng.IntN(3))
			w.Set(o, tick)
			m.Set(o, tick)
		default:
			tick := m.now + delta()
			w.Set(o, tick)
			m.Set(o, tick)
		}
	}
	for range ops {
		if rng.IntN(3) > 0 {
			touch()
			check(t, w, m)
			continue
		}
		now := m.now + delta()
		if next, ok := w.Next(); ok && rng.IntN(2) == 0 {
			now = next
		}
		due := m.due(now)
		w.Advance(now, func(o *owner) {
			if !due[o] {
				t.Fatalf("seed %d: owner %d fired at %d, want not", seed, o.id, now)
			}
			if o.node.Armed() {
				t.Fatalf("seed %d: a deadline is still set as it fires", seed)
			}
			delete(due, o)
			delete(m.set, o)
			for range rng.IntN(4) {
				before := m.set
				touch()
				_ = before
				for x := range due {
					if at, ok := m.set[x]; !ok || int32(at-m.now) > 0 {
						delete(due, x)
					}
				}
			}
		})
		if len(due) > 0 {
			t.Fatalf("seed %d: %d deadlines did not fire by %d", seed, len(due), now)
		}
		check(t, w, m)
	}
}

// check compares what can be seen of the wheel with the model.
func check(t *testing.T, w *Wheel[owner], m *model) {
	t.Helper()
	if w.Len() != len(m.set) {
		t.Fatalf("Len is %d, want %d", w.Len(), len(m.set))
	}
	if w.Now() != m.now {
		t.Fatalf("Now is %d, want %d", w.Now(), m.now)
	}
	next, ok := w.Next()
	if ok != (len(m.set) > 0) {
		t.Fatalf("Next says %t with %d deadlines", ok, len(m.set))
	}
	for o, tick := range m.set {
		if !o.node.Armed() {
			t.Fatalf("owner %d is not armed", o.id)
		}
		if int32(tick-next) < 0 {
			t.Fatalf("Next is %d, after the deadline at %d", next, tick)
		}
	}
	if ok && int32(next-m.now) <= 0 {
		t.Fatalf("Next is %d, not after now, %d", next, m.now)
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(400) {
		for _, start := range []uint32{0, 1<<31 - 50, 1<<32 - 50, 1<<30 - 3, 0xC0000000 - 100} {
			run(t, seed, start, 300)
		}
	}
}
