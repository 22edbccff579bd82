// Package rate lets through so many things in a second.
package rate

import (
	"sync"
	"time"
)

// Limit is a rate for all who share it, with a second's worth at once. The zero
// Limit lets everything through. Its methods may be called from any goroutine.
type Limit struct {
	mu   sync.Mutex // guards the following
	each time.Duration
	paid time.Time // until when what was let through is paid for
}

// Set changes the rate, in things a second; 0 is any number. What was let
// through before is paid for still, unless that would take longer than anybody
// waits at the new rate: then it is forgotten.
func (l *Limit) Set(perSecond float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.each = 0
	if perSecond > 0 {
		l.each = max(time.Duration(float64(time.Second)/perSecond), 1)
	}
	if time.Until(l.paid) > l.most() { // a lower rate let it through
		l.paid = time.Time{}
	}
}

// most is the time that can be owed for what was let through.
func (l *Limit) most() time.Duration { return max(time.Second, l.each) }

// Take reports whether one more thing may go on.
func (l *Limit) Take() bool { return l.take(time.Now()) }

func (l *Limit) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each == 0 {
		return true
	}
	if l.paid.Before(now) {
		l.paid = now
	}
	if l.paid.Add(l.each).Sub(now) > l.most() {
		return false
	}
	l.paid = l.paid.Add(l.each)
	return true
}
