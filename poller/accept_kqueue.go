//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// SO_REUSEPORT does not balance on these systems, and must be set before the first bind.
const canReusePort = false

// peer is where a connection comes from, as accept says it.
type peer struct {
	sa unix.Sockaddr
}

// inherits: no, at least not everywhere.
func inherits(int) bool { return false }

// setUserTimeout: these systems have no such option.
func setUserTimeout(int, time.Duration) error { return nil }

// acceptSock accepts a connection from fd. It is non-blocking.
func acceptSock(fd int, from *peer) (int, unix.Errno) {
	syscall.ForkLock.RLock()
	nfd, sa, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(nfd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, errnoOf(err)
	}
	if err := unix.SetNonblock(nfd, true); err != nil {
		_ = unix.Close(nfd) // err says more
		return -1, errnoOf(err)
	}
	from.sa = sa
	return nfd, 0
}

// addrPort returns the peer's TCP address, or the zero AddrPort.
func (p *peer) addrPort() netip.AddrPort {
	switch sa := p.sa.(type) {
	case *unix.SockaddrInet4:
		return addrPort4(sa.Addr, sa.Port)
	case *unix.SockaddrInet6:
		return addrPort6(sa.Addr, sa.Port, sa.ZoneId)
	}
	return netip.AddrPort{}
}
