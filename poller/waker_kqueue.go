//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// waker is a pipe, read end first. A full pipe is a signal that is on its way already.
type waker [2]int

func openWaker() (w waker, err error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	err = unix.Pipe(fds[:])
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return w, os.NewSyscallError("pipe", err)
	}
	w = waker(fds)
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			w.close()
			return w, os.NewSyscallError("fcntl", err)
		}
	}
	return w, nil
}

func (w waker) readFD() int { return w[0] }

func (w waker) signal() {
	for {
		if _, err := unix.Write(w[1], []byte{1}); err != unix.EINTR {
			return
		}
	}
}

func (w waker) drain() {
	var b [64]byte
	for {
		n, err := unix.Read(w[0], b[:])
		if err != unix.EINTR && n < len(b) {
			return
		}
	}
}

func (w waker) close() {
	_ = unix.Close(w[0]) // signals carry nothing to be lost
	_ = unix.Close(w[1])
}
