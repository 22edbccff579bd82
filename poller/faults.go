package poller

import "syscall"

// faults come between a loop and the system, in tests: any answer that the
// system may give.
type faults interface {
	// read and write say how many bytes of n a call on fd may move, or with what
	// it fails.
	read(fd, n int) (int, syscall.Errno)
	write(fd, n int) (int, syscall.Errno)
}
