package engine

import (
	"sync"
	"time"
)

// deadline is a time that may be moved, as net.Conn wants. The nil deadline
// never passes. It has a timer only while it is in the future.
type deadline struct {
	mu    sync.Mutex // guards the following
	timer *time.Timer
	past  chan struct{} // closed once it is past; nil while nobody waits
}

// set moves d to t; the zero time is never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop() // one that fires all the same finds that it is not d's
		d.timer = nil
	}
	if d.past == nil || closed(d.past) {
		d.past = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		close(d.past)
		return
	}
	var timer *time.Timer
	past := d.past
	timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer && !closed(past) {
			close(past)
		}
	})
	d.timer = timer
}

// passed returns a channel that is closed once d, as it is set now, is past. Who
// waits when d is moved goes on waiting for it.
func (d *deadline) passed() <-chan struct{} {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.past == nil {
		d.past = make(chan struct{})
	}
	return d.past
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
