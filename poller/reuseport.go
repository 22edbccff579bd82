//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reusePort opens a socket for each further loop. The first was bound without SO_REUSEPORT: only
// with it in our hands, and nobody else's, the port is opened to more sockets.
func (ln *Listener) reusePort() error {
	if !canReusePort || ln.acceptors == nil || ln.net != nil {
		return errors.ErrUnsupported
	}
	loops := ln.p.all
	first := ln.acceptors[0]
	first.l, first.to = loops[0], loops[0]
	if err := setReusePort(first.fd); err != nil {
		return err
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		ctlErr := raw.Control(func(fd uintptr) { err = setReusePort(int(fd)) })
		return errors.Join(ctlErr, err)
	}}
	lc.SetMultipathTCP(false)
	for _, l := range loops[1:] {
		nl, err := lc.Listen(context.Background(), ln.addr.Network(), ln.addr.String())
		if err != nil {
			return err
		}
		fd, err := dup(nl.(*net.TCPListener))
		_ = nl.Close() // fd keeps the socket
		if err != nil {
			return err
		}
		if err := ln.prepare(fd); err != nil {
			_ = unix.Close(fd) // err says more
			return err
		}
		a := ln.addAcceptor(fd)
		a.l, a.to = l, l
	}
	return nil
}

func setReusePort(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}
