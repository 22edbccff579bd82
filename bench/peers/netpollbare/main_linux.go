// The netpollbare server is the floor for a Go server on gnet's netpoll: one loop
// that accepts, reads, decodes, unmasks and echoes the frames of a read in one
// write. It has nothing else: no broadcast, no limits, no timers.
package main

import (
	"log"
	"net"
	"os"
	"runtime"
	"unsafe"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/weirws/weir/bench/peers/internal/peer"
	"github.com/weirws/weir/bench/peers/internal/raw"
	"golang.org/x/sys/unix"
)

// readBytes is the read buffer of the loop.
const readBytes = 64 << 10

func main() {
	addr := peer.Listen()
	if err := serve(addr); err != nil {
		log.Fatal(err)
	}
}

// serve listens on addr and runs the loop.
func serve(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	p, err := netpoll.OpenPoller()
	if err != nil {
		return err
	}
	if err := p.AddRead(&netpoll.PollAttachment{FD: fd}, false); err != nil {
		return err
	}
	l := &loop{poller: p, listener: fd, buf: make([]byte, readBytes)}
	err = p.Polling(l.event)
	runtime.KeepAlive(file) // its finalizer would close the listener
	return err
}

// loop owns all connections.
type loop struct {
	poller   *netpoll.Poller
	listener int
	buf      []byte
	conns    []*conn // by descriptor
}

// conn is what the loop knows of a connection.
type conn struct {
	upgraded bool
	partial  []byte // an incomplete frame, or request
	need     int    // length of the frame, when known
	out      []byte // what the socket did not take
}

func (l *loop) event(fd int, ev netpoll.IOEvent, flags netpoll.IOFlags) error {
	if fd == l.listener {
		l.accept()
		return nil
	}
	c := l.conns[fd]
	if c == nil {
		return nil
	}
	if len(c.out) > 0 && netpoll.IsWriteEvent(ev) && !l.flush(fd, c) {
		return nil
	}
	if ending := netpoll.IsErrorEvent(ev, flags) || ev&unix.EPOLLRDHUP != 0; netpoll.IsReadEvent(ev) || ending {
		l.read(fd, c, ending)
	}
	return nil
}

// accept takes every waiting connection.
func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // slower without, and as right
		for len(l.conns) <= fd {
			l.conns = append(l.conns, nil)
		}
		l.conns[fd] = &conn{}
		if err := l.poller.AddRead(&netpoll.PollAttachment{FD: fd}, true); err != nil {
			l.drop(fd)
		}
	}
}

// drop closes a connection.
func (l *loop) drop(fd int) {
	l.conns[fd] = nil
	_ = unix.Close(fd) // whatever it says, the descriptor is gone
}

// read reads until the socket is empty: a short read says so, unless its end is near.
func (l *loop) read(fd int, c *conn, ending bool) {
	for l.conns[fd] == c {
		buf := l.buf
		at := len(c.partial)
		if at > 0 && c.upgraded && cap(c.partial)-at > 0 {
			buf = c.partial[at:cap(c.partial)]
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0 || n == 0:
			l.drop(fd)
			return
		}
		b := buf[:n]
		if at > 0 {
			if &buf[0] != &l.buf[0] {
				c.partial = c.partial[:at+int(n)]
			} else {
				c.partial = append(c.partial, b...)
			}
			b = c.partial
		}
		if !l.handle(fd, c, b) {
			l.drop(fd)
			return
		}
		if int(n) < len(buf) && !ending {
			return
		}
	}
}

// handle answers what is complete in b and keeps the rest.
func (l *loop) handle(fd int, c *conn, b []byte) bool {
	if !c.upgraded {
		answer, _, n, err := raw.Upgrade(b)
		if err != nil {
			return false
		}
		if n == 0 {
			c.partial = append(c.partial[:0], b...)
			return true
		}
		c.upgraded, c.partial = true, nil
		return l.write(fd, c, answer) && (n == len(b) || l.handle(fd, c, b[n:]))
	}
	if len(b) < c.need {
		return true // all of b is in c.partial
	}
	replies, n, need, err := raw.Replies(b)
	if len(replies) > 0 && !l.write(fd, c, replies) || err != nil {
		return false
	}
	c.need = need
	rest := b[n:]
	if cap(c.partial) < need {
		c.partial = make([]byte, 0, need)
	}
	c.partial = append(c.partial[:0], rest...)
	return true
}

// write sends b behind what waits, and keeps what the socket does not take.
func (l *loop) write(fd int, c *conn, b []byte) bool {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return true
	}
	n, ok := send(fd, b)
	if ok && n < len(b) {
		c.out = append(c.out, b[n:]...)
		return l.poller.ModReadWrite(&netpoll.PollAttachment{FD: fd}, true) == nil
	}
	return ok
}

// flush sends what waits; false: the connection is gone.
func (l *loop) flush(fd int, c *conn) bool {
	n, ok := send(fd, c.out)
	if !ok {
		l.drop(fd)
		return false
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	if len(c.out) == 0 && l.poller.ModRead(&netpoll.PollAttachment{FD: fd}, true) != nil {
		l.drop(fd)
		return false
	}
	return true
}

// send gives b to the socket; n is what it took, false: the connection is gone.
func send(fd int, b []byte) (n int, ok bool) {
	for n < len(b) {
		k, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(&b[n])), uintptr(len(b)-n), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			n += int(k)
		case unix.EAGAIN:
			return n, true
		case unix.EINTR:
		default:
			return n, false
		}
	}
	return n, true
}
