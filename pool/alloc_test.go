//go:build !race && !invariants

package pool

import "testing"

// mustNotAllocate fails the test when f, once warm, allocates.
func mustNotAllocate(t *testing.T, what string, f func()) {
	t.Helper()
	if got := testing.AllocsPerRun(1000, f); got != 0 {
		t.Errorf("%s: %v allocations, want 0", what, got)
	}
}

func TestAllocsOfBuffer(t *testing.T) {
	for _, n := range []int{0, 100, 4096, 1 << 16, 1 << 20, 1 << 24} {
		mustNotAllocate(t, "Get and Release", func() { Get(n).Release() })
		b := Get(n)
		mustNotAllocate(t, "Retain and Release", func() { b.Retain().Release() })
		b.Release()
	}
}

// TestAllocsOnceLearned uses a class until bytebufferpool has learned its lengths several times,
// with bytes that are far fewer than the class's size: what comes home is still kept.
func TestAllocsOnceLearned(t *testing.T) {
	const calls = 42_000 // until it learns
	use := func() {
		b := Get(50_000)
		b.B = append(b.B, "short"...)
		b.Release()
	}
	for range 3 * calls {
		use()
	}
	mustNotAllocate(t, "Get and Release", use)
}

func TestAllocsOfHop(t *testing.T) {
	w := NewWorkers(2, 1)
	defer w.Close()
	ran := make(chan struct{})
	ss := NewStrands(w, StrandsOptions[*int, *Buffer]{
		Run:    func(_ *int, b **Buffer, _ int) { (*b).Release() },
		Before: func(*int) {},
		After:  func(*int) { ran <- struct{}{} },
	})
	var line Line[*int, *Buffer]
	owner := new(int)
	mustNotAllocate(t, "a hop", func() {
		ss.Push(owner, &line, Get(100))
		<-ran
	})
}

func TestAllocsOfJob(t *testing.T) {
	w := NewWorkers(2, 1)
	defer w.Close()
	ran := make(chan struct{})
	job := func() { ran <- struct{}{} }
	mustNotAllocate(t, "a job", func() {
		w.Go(job)
		<-ran
	})
}
