package bench

import "time"

// clock counts nanoseconds from its start: one cheap reading of the monotonic
// clock, without the wall clock's.
type clock struct{ start time.Time }

// newClock starts a clock.
func newClock() clock { return clock{time.Now()} }

// now is the time since the start in nanoseconds.
func (c clock) now() int64 { return int64(time.Since(c.start)) }
