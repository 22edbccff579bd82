package poller

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The non-blocking calls of the hot path are raw: a loop that went through the scheduler for each
// would lose its P over and over. A raw call can't be preempted, so each moves at most maxCallBytes.

// recv reads into b, which is not empty and at most maxCallBytes long. errno 0 and n 0 is the end.
func recv(fd int, b []byte) (n int, errno unix.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	raceRead(fd, b[:r])
	return int(r), 0
}

// send writes b, which is not empty and at most maxCallBytes long.
func send(fd int, b []byte) (n int, errno unix.Errno) {
	raceWrite(b)
	r, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// sendVector writes the iovecs, which hold at most maxCallBytes.
func sendVector(fd int, vec []unix.Iovec) (n int, errno unix.Errno) {
	for _, v := range vec {
		raceWrite(unsafe.Slice(v.Base, v.Len))
	}
	hdr := unix.Msghdr{Iov: unsafe.SliceData(vec)}
	hdr.SetIovlen(len(vec))
	r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&hdr)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// closeRaw closes a socket that is known not to linger.
func closeRaw(fd int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0); errno != 0 {
		return os.NewSyscallError("close", errno)
	}
	return nil
}
