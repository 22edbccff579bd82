package poller

import "syscall"

// Faults come between a Poller and the system, in tests: any answer that a
// system may give, and any event that it may bring.
type Faults interface {
	// Loop is called in New for each loop. event has the loop handle an event of
	// descriptor fd, whether there is a reason for it or not; it is called on the
	// loop.
	Loop(l *Loop, event func(fd int, readable, writable bool))
	// Read says how many bytes of n a read of fd may bring, at least one, or with
	// what it fails. It is called on the loop.
	Read(fd, n int) (int, syscall.Errno)
	// Write is Read for a write, and may be called on any goroutine.
	Write(fd, n int) (int, syscall.Errno)
	// Accept says with what the next accept fails; 0: it is the system's. Any
	// goroutine that closes the listener may call it too.
	Accept() syscall.Errno
}
