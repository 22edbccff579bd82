package million

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// answerTimeout bounds each wait for the server.
const answerTimeout = time.Minute

// The system calls below never block, since all sockets are non-blocking, and so they
// need no help of Go's scheduler: in a guest, with one CPU and slow system calls, it
// would take the processor away for each of them.

// connectFrom opens a non-blocking socket and begins to connect it from an address to
// another. The system picks a port that is free for this pair of addresses.
func connectFrom(from netip.Addr, to netip.AddrPort) (fd int32, err error) {
	r, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	fd = int32(r)
	one := int32(1)
	_, _, errno = unix.RawSyscall6(unix.SYS_SETSOCKOPT, r, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, uintptr(unsafe.Pointer(&one)), 4, 0)
	if errno != 0 {
		return fd, os.NewSyscallError("setsockopt", errno)
	}
	name := sockaddr(netip.AddrPortFrom(from, 0))
	_, _, errno = unix.RawSyscall(unix.SYS_BIND, r, uintptr(unsafe.Pointer(&name)), unsafe.Sizeof(name))
	if errno != 0 {
		return fd, os.NewSyscallError("bind", errno)
	}
	name = sockaddr(to)
	_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, r, uintptr(unsafe.Pointer(&name)), unsafe.Sizeof(name))
	if errno != 0 && errno != unix.EINPROGRESS {
		return fd, os.NewSyscallError("connect", errno)
	}
	return fd, nil
}

// sockaddr is an address as the kernel wants it.
func sockaddr(a netip.AddrPort) unix.RawSockaddrInet4 {
	port := a.Port()
	s := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Addr().As4()}
	*(*[2]byte)(unsafe.Pointer(&s.Port)) = [2]byte{byte(port >> 8), byte(port)} // in network order
	return s
}

// send writes all of b, waiting if it has to.
func send(fd int32, b []byte) error {
	for len(b) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
		runtime.KeepAlive(b)
		switch errno {
		case 0:
			b = b[n:]
		case unix.EAGAIN:
			if err := wait(fd, unix.POLLOUT); err != nil {
				return err
			}
		case unix.EINTR:
		default:
			return os.NewSyscallError("send", errno)
		}
	}
	return nil
}

// errEmpty says that there is nothing to read now.
var errEmpty = errors.New("nothing has come")

// receive reads what has come into b; errEmpty if there is nothing.
func receive(fd int32, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		runtime.KeepAlive(b)
		switch {
		case errno == 0 && n == 0:
			return 0, errors.New("the server closed the connection")
		case errno == 0:
			return int(n), nil
		case errno == unix.EAGAIN:
			return 0, errEmpty
		case errno != unix.EINTR:
			return 0, os.NewSyscallError("recv", errno)
		}
	}
}

// receiveSome reads into b, and waits for the first byte.
func receiveSome(fd int32, b []byte) (int, error) {
	for {
		n, err := receive(fd, b)
		if err != errEmpty {
			return n, err
		}
		if err := wait(fd, unix.POLLIN); err != nil {
			return 0, err
		}
	}
}

// wait waits until fd is ready for events, answerTimeout at most.
func wait(fd int32, events int16) error {
	deadline := time.Now().Add(answerTimeout)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("no answer within %v", answerTimeout)
		}
		p := []unix.PollFd{{Fd: fd, Events: events}}
		n, err := unix.Poll(p, int(left/time.Millisecond)+1)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		if n > 0 {
			return nil
		}
	}
}
