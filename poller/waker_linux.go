package poller

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waker is an eventfd, registered edge-triggered: every write is an edge, so it is never read.
type waker int

func openWaker() (waker, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return waker(fd), os.NewSyscallError("eventfd", err)
}

func (w waker) readFD() int { return int(w) }

func (w waker) signal() {
	one := uint64(1)
	// It can fail only after 2^64 signals.
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(w), uintptr(unsafe.Pointer(&one)), 8)
}

func (w waker) drain() {}

func (w waker) close() { _ = unix.Close(int(w)) } // nothing was written to be lost
