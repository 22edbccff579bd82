package poller

import (
	"encoding/binary"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const canReusePort = true

// peer is where a connection comes from, as accept4 says it.
type peer struct {
	sa unix.RawSockaddrAny
}

// inherits reports whether what is accepted from fd has fd's options: that of a TCP socket has, that
// of a unix socket or of one that also speaks MPTCP (as net.Listen makes it) has not.
func inherits(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain == unix.AF_UNIX {
		return false
	}
	inline, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE)
	return err == nil && inline != 0
}

// setUserTimeout bounds how long fd, or what is accepted from it, waits for an acknowledgement: RFC
// 5482. Where that inherits it costs no call for each connection.
func setUserTimeout(fd int, d time.Duration) error {
	ms := max(int(d/time.Millisecond), 1)
	err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	if err == unix.EOPNOTSUPP || err == unix.ENOPROTOOPT {
		return nil // a unix socket, or one with MPTCP
	}
	return os.NewSyscallError("setsockopt", err)
}

// acceptSock accepts a connection from fd. It is non-blocking.
func acceptSock(fd int, from *peer) (int, unix.Errno) {
	size := uint32(unsafe.Sizeof(from.sa))
	r, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&from.sa)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(r), errno
}

// addrPort returns the peer's TCP address, or the zero AddrPort. It allocates only for a zone.
func (p *peer) addrPort() netip.AddrPort {
	switch p.sa.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&p.sa))
		return addrPort4(sa.Addr, hostPort(&sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&p.sa))
		return addrPort6(sa.Addr, hostPort(&sa.Port), sa.Scope_id)
	}
	return netip.AddrPort{}
}

// hostPort reads a port in network byte order.
func hostPort(port *uint16) int {
	return int(binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:]))
}
