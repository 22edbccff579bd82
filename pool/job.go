package pool

// job is a function in the queue of Workers.
type job struct {
	task
	w *Workers
	f func() // nil once it was called
}

// Go has f, which is not nil, run on one of the goroutines, in turn with all else that is queued.
// It never blocks. It is false, and f does not run, when w is closed or as many jobs as its bound
// allows wait already.
func (w *Workers) Go(f func()) bool {
	if f == nil {
		panic("pool: Go of a nil func")
	}
	j, _ := w.free.Get().(*job)
	if j == nil {
		j = &job{w: w}
		j.task = task{do: j, job: true}
	}
	j.f = f
	wk, ok := w.enqueue(&j.task)
	if !ok {
		j.f = nil
		w.free.Put(j)
		return false
	}
	wk.rouse()
	return true
}

// step calls f. The step after one that f ended with runtime.Goexit finds it gone.
func (j *job) step(uint64) bool {
	if f := j.f; f != nil {
		j.f = nil
		f()
	}
	j.w.free.Put(j)
	return false
}
