//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import "golang.org/x/sys/unix"

// recv is the recv of l's connections.
func (l *Loop) recv(fd int, b []byte) (int, unix.Errno) {
	if l.faults != nil {
		n, errno := l.faults.read(fd, len(b))
		if errno != 0 {
			return -1, errno
		}
		b = b[:n]
	}
	return recv(fd, b)
}

// send is the send of l's connections.
func (l *Loop) send(fd int, b []byte) (int, unix.Errno) {
	if l.faults != nil {
		n, errno := l.faults.write(fd, len(b))
		if errno != 0 {
			return 0, errno
		}
		b = b[:n]
	}
	return send(fd, b)
}

// fault is with what a gathered write on fd fails, 0 if it does not.
func (l *Loop) fault(fd int) unix.Errno {
	if l.faults == nil {
		return 0
	}
	_, errno := l.faults.write(fd, 1)
	return errno
}
