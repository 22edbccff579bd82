//go:build unix

package bench

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// shallow keeps what the kernels hold for a connection small.
func shallow(_, _ string, rc syscall.RawConn) error {
	var failed error
	err := rc.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, stalledReadBytes)
		if failed == nil {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, stalledSegmentBytes)
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", failed)
}
