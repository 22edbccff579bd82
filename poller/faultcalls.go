//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import "golang.org/x/sys/unix"

// recv is the recv of l's connections.
func (l *Loop) recv(fd int, b []byte) (int, unix.Errno) {
	if l.faults != nil {
		n, errno := l.faults.Read(fd, len(b))
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
		n, errno := l.faults.Write(fd, len(b))
		if errno != 0 {
			return 0, errno
		}
		b = b[:n]
	}
	return send(fd, b)
}

// sendVector is the gathered send of l's connections. vec holds size bytes.
func (l *Loop) sendVector(fd int, vec []unix.Iovec, size int) (int, unix.Errno) {
	if l.faults != nil {
		n, errno := l.faults.Write(fd, size)
		if errno != 0 {
			return 0, errno
		}
		vec = clip(vec, n)
	}
	return sendVector(fd, vec)
}

// clip returns the first n bytes of vec, which is changed.
func clip(vec []unix.Iovec, n int) []unix.Iovec {
	for i := range vec {
		if n <= int(vec[i].Len) {
			vec[i].SetLen(n)
			return vec[:i+1]
		}
		n -= int(vec[i].Len)
	}
	return vec
}

// acceptSock is the accept of p's listeners.
func (p *Poller) acceptSock(fd int, from *peer) (int, unix.Errno) {
	if p.options.Faults != nil {
		if errno := p.options.Faults.Accept(); errno != 0 {
			return -1, errno
		}
	}
	return acceptSock(fd, from)
}

// useFaults puts the faults of p's options, if there are some, under l.
func (l *Loop) useFaults() {
	if l.faults = l.p.options.Faults; l.faults == nil {
		return
	}
	l.faults.Loop(l, func(fd int, readable, writable bool) {
		if c := l.p.table.get(fd); c != nil && c.loop == l {
			c.ready(faultBits(readable, writable))
			return
		}
		_ = l.eventOther(fd) // that of a waker or a listener ends nothing here
	})
}

func faultBits(readable, writable bool) (bits uint8) {
	if readable {
		bits = eventRead | eventLinger
	}
	if writable {
		bits |= eventWrite
	}
	return bits
}
