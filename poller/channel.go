package poller

// backend is what a loop sleeps in.
type backend interface {
	poll(l *Loop) // calls work for each signal until stop is seen
	signal()      // from any goroutine
	close()
}

// channel is the backend of a loop that serves streams only.
type channel chan struct{}

func (ch channel) poll(l *Loop) {
	for range ch {
		l.work()
		if l.stop.Load() {
			return
		}
	}
}

func (ch channel) signal() {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func (ch channel) close() {}
