package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// block has n jobs of w wait until the returned function is called.
func block(t *testing.T, w *Workers, n int) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	for range n {
		if !w.Go(func() { <-gate }) {
			t.Fatal("Go refused a job")
		}
		synctest.Wait()
	}
	return func() { close(gate) }
}

func TestNewWorkersRefuses(t *testing.T) {
	mustPanic(t, "pool: NewWorkers(0, 1)", func() { NewWorkers(0, 1) })
	mustPanic(t, "pool: NewWorkers(1, -1)", func() { NewWorkers(1, -1) })
	mustPanic(t, "pool: Go of a nil func", func() { NewWorkers(1, 1).Go(nil) })
}

func TestWorkersStartOnDemandAndStayBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(8, 100)
		if got := w.Stats(); got != (WorkersStats{}) {
			t.Errorf("new: %+v, want all zero", got)
		}
		release := block(t, w, 3)
		if got, want := w.Stats(), (WorkersStats{Running: 3}); got != want {
			t.Errorf("three jobs: %+v, want %+v", got, want)
		}
		releaseMore := block(t, w, 20)
		if got, want := w.Stats(), (WorkersStats{Running: 8, Queued: 15, Jobs: 15}); got != want {
			t.Errorf("23 jobs: %+v, want %+v", got, want)
		}
		release()
		releaseMore()
		w.Close()
		if got := w.Stats(); got != (WorkersStats{}) {
			t.Errorf("closed: %+v, want all zero", got)
		}
	})
}

// TestWorkersSpread queues all at once, as a loop does: the goroutines wake each other.
func TestWorkersSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(8, 100)
		gate := make(chan struct{})
		for round := range 2 { // of started goroutines, then of parked ones
			for range 6 {
				w.Go(func() { <-gate })
			}
			synctest.Wait()
			if got := w.Stats(); got.Running-got.Idle != 6 {
				t.Errorf("round %d: %+v, want 6 that run", round, got)
			}
			for range 6 {
				gate <- struct{}{}
			}
			synctest.Wait()
		}
		w.Close()
	})
}

// TestBurstRousesOne: until one worker has come to the queue no other is started or woken.
func TestBurstRousesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(8, 100)
		var ran atomic.Int32
		for _, name := range []string{"started", "woken"} {
			var roused []*worker
			for range 50 {
				j := &job{w: w, f: func() { ran.Add(1) }}
				j.task = task{do: j, job: true}
				if wk, _ := w.enqueue(&j.task); wk != nil {
					roused = append(roused, wk)
				}
			}
			if len(roused) != 1 {
				t.Errorf("%d are to be %s, want 1", len(roused), name)
			}
			for _, wk := range roused {
				wk.rouse()
			}
			synctest.Wait()
			block(t, w, 3)() // so that there are several to wake
			synctest.Wait()
		}
		w.Close()
		if ran.Load() != 100 {
			t.Errorf("%d jobs ran, want 100", ran.Load())
		}
	})
}

func TestWorkersEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keep := idlePerCore * runtime.GOMAXPROCS(0)
		w := NewWorkers(keep+5, 0)
		w.jobs = keep + 5
		release := block(t, w, keep+5)
		release()
		synctest.Wait()
		if got, want := w.Stats(), (WorkersStats{Running: keep, Idle: keep}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		w.Close()
	})
}

func TestWorkersReuseTheLastToPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2, 2)
		block(t, w, 2)()
		synctest.Wait()
		top := w.idle
		for range 3 {
			block(t, w, 1)()
			synctest.Wait()
			if w.idle != top || w.idling != 2 {
				t.Error("another one ran the job than the last one to park")
			}
		}
		w.Close()
	})
}

func TestGoIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 2)
		release := block(t, w, 1)
		ran := 0
		for i, want := range []bool{true, true, false, false} {
			if got := w.Go(func() { ran++ }); got != want {
				t.Errorf("job %d: %t, want %t", i, got, want)
			}
		}
		release()
		w.Close()
		if ran != 2 {
			t.Errorf("%d jobs ran, want 2", ran)
		}
		if w.Go(func() { ran++ }) {
			t.Error("a closed one took a job")
		}
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(2, 100)
		release := block(t, w, 2)
		var ran atomic.Int32
		for range 50 {
			w.Go(func() { ran.Add(1) })
		}
		var closed atomic.Int32
		for range 2 {
			go func() { // ends when Close returns; closed counts them
				w.Close()
				closed.Add(1)
			}()
		}
		synctest.Wait()
		if closed.Load() != 0 {
			t.Error("Close returned while a job was running")
		}
		release()
		synctest.Wait()
		if closed.Load() != 2 || ran.Load() != 50 {
			t.Errorf("%d Closes returned and %d jobs ran, want 2 and 50", closed.Load(), ran.Load())
		}
	})
}

func TestJobGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorkers(1, 10)
		ran := 0
		for range 5 {
			w.Go(func() { ran++; runtime.Goexit() })
			w.Go(func() { ran++ })
		}
		synctest.Wait()
		if got := w.Stats(); ran != 10 || got.Queued != 0 || got.Jobs != 0 || got.Running != 1 {
			t.Errorf("%d ran, %+v, want 10 and one idle goroutine", ran, got)
		}
		w.Close()
	})
}

// TestWorkersRace has many goroutines queue jobs while others look and one closes: each accepted
// job runs once, never more than the bound at a time.
func TestWorkersRace(t *testing.T) {
	const most = 3
	w := NewWorkers(most, 50)
	var accepted, ran, running atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				ok := w.Go(func() {
					if n := running.Add(1); n > most {
						t.Errorf("%d at a time, want at most %d", n, most)
					}
					ran.Add(1)
					running.Add(-1)
				})
				if ok {
					accepted.Add(1)
				}
				if s := w.Stats(); s.Running > most || s.Jobs > 50 || s.Idle > s.Running {
					t.Errorf("out of bounds: %+v", s)
				}
				if i == 1500 {
					w.Close()
				}
			}
		})
	}
	wg.Wait()
	w.Close()
	if ran.Load() != accepted.Load() || ran.Load() == 0 {
		t.Errorf("%d ran, want %d", ran.Load(), accepted.Load())
	}
}
