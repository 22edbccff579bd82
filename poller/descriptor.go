//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasDescriptor reports whether nc may be served by its descriptor alone. Only the standard types
// may: another type that has a descriptor too may do something of its own in Read and Write.
func hasDescriptor(nc net.Conn) bool {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// takeDescriptor closes nc and returns a prepared descriptor of its socket. On error nc is closed too.
func takeDescriptor(nc net.Conn) (fd int, err error) {
	fd, err = dup(nc.(syscall.Conn))
	closeErr := nc.Close()
	if err != nil {
		return -1, err
	}
	if closeErr != nil {
		_ = unix.Close(fd) // nc was closed by somebody else at the same time
		return -1, closeErr
	}
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd) // err says more
		return -1, err
	}
	return fd, nil
}

// dup returns a second descriptor of c's socket.
func dup(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	ctlErr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if ctlErr != nil {
		return -1, ctlErr
	}
	return fd, os.NewSyscallError("fcntl", err)
}

// adopt attaches a descriptor that came from outside; on error it is closed.
func (l *Loop) adopt(fd int, c *Conn) error {
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd) // err says more
		return err
	}
	return l.attachSock(fd, nil, c)
}

// prepare makes the stream socket fd non-blocking, undelayed and free of gaps at urgent bytes.
func prepare(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if kind != unix.SOCK_STREAM {
		return errors.New("not a stream socket")
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return setSocketOptions(fd)
}

// setSocketOptions sets what every connection has: small writes go out at once, and an urgent byte
// stays in its place among the others (without SO_OOBINLINE it is taken out of the stream).
func setSocketOptions(fd int) error {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	if _, local := sa.(*unix.SockaddrUnix); !local {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
	if err == unix.EOPNOTSUPP || err == unix.ENOPROTOOPT {
		return nil // MPTCP: it has no urgent bytes
	}
	return os.NewSyscallError("setsockopt", err)
}

func (c *Conn) shutdownWrite() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(int(c.sock)-1, unix.SHUT_WR))
}

func (c *Conn) sockName() net.Addr {
	sa, err := unix.Getsockname(int(c.sock) - 1)
	return netAddr(sa, err)
}

func (c *Conn) peerName() net.Addr {
	sa, err := unix.Getpeername(int(c.sock) - 1)
	return netAddr(sa, err)
}

// netAddr returns sa as package net has it, nil on error.
func netAddr(sa unix.Sockaddr, err error) net.Addr {
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(addrPort4(sa.Addr, sa.Port))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(addrPort6(sa.Addr, sa.Port, sa.ZoneId))
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
