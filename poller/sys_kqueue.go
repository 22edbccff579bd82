//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func errnoOf(err error) unix.Errno {
	if err == nil {
		return 0
	}
	return err.(unix.Errno)
}

// recv reads into b, which is not empty and at most maxCallBytes long. errno 0 and n 0 is the end.
func recv(fd int, b []byte) (n int, errno unix.Errno) {
	n, err := unix.Read(fd, b)
	return n, errnoOf(err)
}

// send writes b, which is not empty and at most maxCallBytes long.
func send(fd int, b []byte) (n int, errno unix.Errno) {
	n, err := unix.Write(fd, b)
	return max(n, 0), errnoOf(err)
}

// sendVector writes the iovecs, which hold at most maxCallBytes.
func sendVector(fd int, vec []unix.Iovec) (n int, errno unix.Errno) {
	bufs := make([][]byte, len(vec))
	for i, v := range vec {
		bufs[i] = unsafe.Slice(v.Base, v.Len)
	}
	n, err := unix.SendmsgBuffers(fd, bufs, nil, nil, 0)
	return max(n, 0), errnoOf(err)
}

// closeRaw closes a socket.
func closeRaw(fd int) error { return os.NewSyscallError("close", unix.Close(fd)) }
