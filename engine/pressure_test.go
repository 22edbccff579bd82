package engine

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// Near GOMEMLIMIT upgrades are refused, those that are open are served, and when there is memory again all is as before.
func TestHostile62MemoryLimit(t *testing.T) {
	for _, o := range []*Options{nil, {MemoryBudget: -1}} {
		s := usual.serve(t, echo, o)
		old := s.open()
		ballast := make([]byte, 64<<20)
		runtime.GC() // it is seen as live from now on
		was := debug.SetMemoryLimit(64 << 20)
		defer debug.SetMemoryLimit(was)
		eventually(t, "upgrades are refused", func() bool { return s.core.budget.now() == levelSoft })
		p := s.dial()
		p.write([]byte(ask("/")))
		if r := p.refused(503); r.Header.Get("Retry-After") == "" {
			t.Error("without Retry-After")
		}
		old.sendText("alive")
		old.wantText("alive")
		if CompressAuto.wants(1<<20, s.core) {
			t.Error("messages are compressed")
		}
		runtime.KeepAlive(ballast)
		debug.SetMemoryLimit(was)
		eventually(t, "they are accepted again", func() bool { return s.core.budget.now() == levelCalm })
		if !CompressAuto.wants(1<<20, s.core) {
			t.Error("messages are not compressed any more")
		}
		s.open().closing()
		old.closing()
	}
}

// The budget is at most half of what the process has.
func TestMemoryBudgetOfLimit(t *testing.T) {
	was := debug.SetMemoryLimit(1 << 30)
	defer debug.SetMemoryLimit(was)
	for _, test := range []struct {
		limit, asked, want int64
	}{
		{1 << 30, 0, 1 << 29}, {8 << 30, 0, DefaultMemoryBudget}, {math.MaxInt64, 0, DefaultMemoryBudget}, {1 << 30, 3 << 30, 3 << 30}, {1 << 30, -1, 0},
	} {
		debug.SetMemoryLimit(test.limit)
		set, err := newSettings(&Options{MemoryBudget: test.asked})
		if err != nil || set.MemoryBudget != test.want {
			t.Errorf("limit %d, asked for %d: got %d, %v, want %d", test.limit, test.asked, set.MemoryBudget, err, test.want)
		}
	}
}
