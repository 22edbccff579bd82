package pool

import (
	"fmt"
	"runtime"
	"sync"
)

// Workers are a bounded set of goroutines with one queue in which strands and jobs take turns. All
// methods may be called from any goroutine.
//
// A goroutine is started or woken when something is queued and none is on its way to the queue
// already; it wakes the next one if it leaves something in the queue. Work that never blocks so
// keeps about as many goroutines awake as there are cores, and work that blocks as many as the
// bound allows. One that finds the queue empty parks, or ends if enough are parked; the one that
// parked last is woken first.
//
// A panic that leaves a job or an item ends the process, as it does on any goroutine: whoever
// queues user code recovers in it. runtime.Goexit ends the goroutine only; another takes its place.
type Workers struct {
	max, keep, jobs int // goroutines, those of them that may park, jobs that may wait

	free sync.Pool      // *job
	done sync.WaitGroup // one for each goroutine

	mu      sync.Mutex // guards the following; the last lock to be taken
	queue   queue
	idle    *worker // parked, the last one first
	all     []*worker
	idling  int  // how many those are
	running int  // goroutines, parked ones included
	waking  bool // one was started or woken and has not come to the queue yet
	closed  bool
}

// WorkersStats is what Workers were doing at one moment.
type WorkersStats struct {
	Running int // goroutines, idle ones included
	Idle    int // goroutines with nothing to do
	Queued  int // strands and jobs that wait for a goroutine
	Jobs    int // jobs among those
}

// NewWorkers returns Workers of at most max goroutines, of which none exists until there is
// something to do, and a queue in which at most jobs functions given to Go wait. Strands have no
// such bound: one waits at most once per owner. It panics unless max is at least 1 and jobs at
// least 0.
func NewWorkers(max, jobs int) *Workers {
	if max < 1 || jobs < 0 {
		panic(fmt.Sprintf("pool: NewWorkers(%d, %d)", max, jobs))
	}
	return &Workers{max: max, jobs: jobs, keep: min(max, idlePerCore*runtime.GOMAXPROCS(0))}
}

// Close refuses all that comes from now on, waits until all that is queued has run, and until every
// goroutine has ended. What strands that have not come to rest get meanwhile is run too. It must
// not be called by a job or an item, and may be called more than once.
func (w *Workers) Close() {
	w.mu.Lock()
	w.closed = true
	idle := w.idle
	w.idle, w.idling = nil, 0
	w.mu.Unlock()
	for idle != nil {
		wk := idle
		idle, wk.below = wk.below, nil
		wk.rouse()
	}
	w.done.Wait()
}

// Stats returns a snapshot. It takes the queue's lock for a moment.
func (w *Workers) Stats() WorkersStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WorkersStats{Running: w.running, Idle: w.idling, Queued: w.queue.len, Jobs: w.queue.jobs}
}

// enqueue puts t at the back of the queue, and returns the worker to rouse once all locks are
// released, or nil. It is false when t was refused.
func (w *Workers) enqueue(t *task) (*worker, bool) {
	w.mu.Lock()
	if w.closed || t.job && w.queue.jobs >= w.jobs {
		w.mu.Unlock()
		return nil, false
	}
	w.queue.push(t)
	wk := w.enlist()
	w.mu.Unlock()
	return wk, true
}

// enlist returns the worker to rouse, or nil when none is needed or to be had. w.mu is held.
func (w *Workers) enlist() *worker {
	if w.waking || w.queue.head == nil {
		return nil
	}
	if wk := w.idle; wk != nil {
		w.idle, wk.below = wk.below, nil
		w.idling--
		w.waking = true
		return wk
	}
	if w.running == w.max {
		return nil
	}
	w.running++
	w.done.Add(1)
	w.waking = true
	wk := &worker{w: w, wake: make(chan struct{}, 1), place: len(w.all), roused: true, fresh: true}
	w.all = append(w.all, wk)
	return wk
}

// dismiss forgets wk, whose goroutine is about to end. w.mu is held.
func (w *Workers) dismiss(wk *worker) {
	w.running--
	last := len(w.all) - 1
	w.all[wk.place] = w.all[last]
	w.all[wk.place].place = wk.place
	w.all[last] = nil
	w.all = w.all[:last]
}
