//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"os"

	"golang.org/x/sys/unix"
)

// send is Write on a socket. A full socket brings an edge when it has room again, but the loop heeds
// that edge only while connShort is set, and it may come before the flag is. So the flag is set
// first and the socket tried once more: after that second refusal the edge is still to come.
func (c *Conn) send(b []byte) (n int, err error) {
	fd := int(c.sock) - 1
	owed := false
	for n < len(b) {
		part := b[n:min(len(b), n+maxCallBytes)]
		m, errno := c.loop.send(fd, part)
		n += m
		if m == len(part) || errno == unix.EINTR {
			continue
		}
		if errno != 0 && errno != unix.EAGAIN {
			return n, os.NewSyscallError("send", errno)
		}
		if errno == unix.EAGAIN && owed {
			return n, nil
		}
		c.flags.Or(connShort)
		owed = true
	}
	if owed {
		c.flags.And(^uint32(connShort))
	}
	return n, nil
}

// sendBuffers is WriteBuffers on a socket; see send.
func (c *Conn) sendBuffers(bufs [][]byte) (n int, err error) {
	fd := int(c.sock) - 1
	owed := false
	var vec [maxBuffers]unix.Iovec
	i, off := 0, 0 // the next byte is bufs[i][off]
	for {
		k, size := gather(&vec, bufs, i, off)
		if k == 0 {
			break
		}
		m, errno := c.loop.sendVector(fd, vec[:k], size)
		n += m
		i, off = advance(bufs, i, off, m)
		if m == size || errno == unix.EINTR {
			continue
		}
		if errno != 0 && errno != unix.EAGAIN {
			return n, os.NewSyscallError("sendmsg", errno)
		}
		if errno == unix.EAGAIN && owed {
			return n, nil
		}
		c.flags.Or(connShort)
		owed = true
	}
	if owed {
		c.flags.And(^uint32(connShort))
	}
	return n, nil
}

// gather fills vec with the bytes from bufs[i][off] on, up to maxCallBytes, and returns how many
// iovecs and bytes that is.
func gather(vec *[maxBuffers]unix.Iovec, bufs [][]byte, i, off int) (k, size int) {
	for ; i < len(bufs) && k < maxBuffers && size < maxCallBytes; i++ {
		b := bufs[i][off:]
		off = 0
		b = b[:min(len(b), maxCallBytes-size)]
		if len(b) == 0 {
			continue
		}
		vec[k].Base = &b[0]
		vec[k].SetLen(len(b))
		size += len(b)
		k++
	}
	return k, size
}

// advance returns the position n bytes behind bufs[i][off].
func advance(bufs [][]byte, i, off, n int) (int, int) {
	for ; n > 0; i, off = i+1, 0 {
		rest := len(bufs[i]) - off
		if n < rest {
			return i, off + n
		}
		n -= rest
	}
	return i, off
}
