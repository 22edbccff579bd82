package pool

// worker is one of the goroutines of Workers.
type worker struct {
	w      *Workers
	wake   chan struct{} // holds one: it is sent to only when the worker was taken off the parked ones
	below  *worker       // parked before this one; guarded by w.mu
	task   *task         // what it runs; still set when that has more to do
	runs   *task         // the same, until it comes to the queue again; guarded by w.mu
	place  int           // in w.all; guarded by w.mu
	roused bool          // it has not been to the queue since it was started or woken
	fresh  bool          // its goroutine is yet to be started
}

// rouse starts or wakes the worker that enlist chose. No lock is held.
func (wk *worker) rouse() {
	if wk == nil {
		return
	}
	if wk.fresh {
		wk.fresh = false
		go wk.run() // ends when there are enough idle ones and on Close, which waits
		return
	}
	wk.wake <- struct{}{}
}

// run is the goroutine.
func (wk *worker) run() {
	defer wk.leave()
	self := Goroutine()
	for wk.next() {
		if !wk.task.do.step(self) {
			wk.task = nil
		}
	}
}

// leave ends the goroutine, or has another one go on when a task ended it with runtime.Goexit.
// (After a panic it does that too, and the process ends.)
func (wk *worker) leave() {
	if wk.task != nil {
		go wk.run() // takes this one's place
		return
	}
	wk.w.done.Done()
}

// next puts the task in hand at the back of the queue and takes the one at the front, waiting for
// it. It is false when the goroutine is to end.
func (wk *worker) next() bool {
	w := wk.w
	w.mu.Lock()
	wk.runs = nil
	if wk.task != nil {
		w.queue.push(wk.task)
		wk.task = nil
	}
	for {
		if wk.roused {
			wk.roused, w.waking = false, false
		}
		if w.queue.head != nil {
			break
		}
		if w.closed || w.idling >= w.keep {
			w.dismiss(wk)
			w.mu.Unlock()
			return false
		}
		wk.below, w.idle = w.idle, wk
		w.idling++
		w.mu.Unlock()
		<-wk.wake
		w.mu.Lock()
		wk.roused = true
	}
	wk.task = w.queue.pop()
	wk.runs = wk.task
	other := w.enlist()
	w.mu.Unlock()
	other.rouse()
	return true
}
