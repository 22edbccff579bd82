package pool

// task is what waits in the queue of Workers: it is embedded in what it stands for.
type task struct {
	next *task // behind this one in the queue
	do   stepper
	job  bool // counted against the bound on jobs
}

// stepper is what a worker runs.
type stepper interface {
	// step does some work, on the goroutine with that number, and reports whether there is more: then
	// it goes to the back of the queue. When it is false the stepper may be another's already. A step
	// that never returned, because of runtime.Goexit, is followed by another.
	step(goroutine uint64) (more bool)
}

// queue is a list of tasks, first in, first out.
type queue struct {
	head, tail *task
	len        int
	jobs       int // jobs among them
}

// push puts t at the back.
func (q *queue) push(t *task) {
	if q.head == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
	q.len++
	if t.job {
		q.jobs++
	}
}

// pop takes the task at the front of a queue that is not empty.
func (q *queue) pop() *task {
	t := q.head
	q.head, t.next = t.next, nil
	if q.head == nil {
		q.tail = nil
	}
	q.len--
	if t.job {
		q.jobs--
	}
	return t
}
