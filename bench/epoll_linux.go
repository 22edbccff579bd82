package bench

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollBatch is the number of events taken from the kernel at once.
const epollBatch = 512

// epoll is the driver of Linux: one loop on one locked thread. Each socket is
// registered once, edge-triggered; everything but the wait that may sleep is a raw
// system call, which costs the scheduler nothing.
type epoll struct {
	g      *generator
	fd     int
	spin   bool
	events []unix.EpollEvent
	buf    []byte         // what is read, one socket after the other
	socks  []*epollSocket // by slot; nil: free
	free   []int32        // slots
}

// epollSocket is one connection's socket. Events carry slot and generation rather
// than the descriptor, which may already be another's.
type epollSocket struct {
	d         *epoll
	c         *conn
	fd        int
	slot      int32
	gen       int32
	connected bool
}

// newDriver opens the driver that the endpoint asks for.
func newDriver(g *generator) (driver, error) {
	if g.Portable {
		return newPortable(g), nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("bench: epoll_create1: %w", err)
	}
	size := 64 << 10
	if g.frames != nil {
		size = min(max(size, g.frames.inLen), maxIO)
	}
	d := &epoll{g: g, fd: fd, spin: g.Spin, events: make([]unix.EpollEvent, epollBatch), buf: make([]byte, size)}
	runtime.LockOSThread()
	// An open loop wants to wake up when it asked for it, not up to 50 µs later.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		d.close()
		return nil, fmt.Errorf("bench: timer slack: %w", err)
	}
	return d, nil
}

func (d *epoll) close() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // back to the default; it was accepted before
	runtime.UnlockOSThread()
	_ = unix.Close(d.fd) // nothing is written through it
}

func (d *epoll) dial(c *conn, from netip.Addr) error {
	fd, err := d.connect(from)
	if err != nil {
		return err
	}
	s := &epollSocket{d: d, c: c, fd: fd}
	if n := len(d.free); n > 0 {
		s.slot, d.free = d.free[n-1], d.free[:n-1]
	} else {
		s.slot = int32(len(d.socks))
		d.socks = append(d.socks, nil)
	}
	s.gen = int32(c.id)
	d.socks[s.slot] = s
	c.sock = s
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: s.slot, Pad: s.gen}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(d.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// connect makes a socket that is on its way to the server.
func (d *epoll) connect(from netip.Addr) (fd int, err error) {
	family := unix.AF_INET6
	if d.g.addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := d.setUp(fd, from); err != nil {
		_ = unix.Close(fd) // nothing was written to it
		return -1, err
	}
	return fd, nil
}

// setUp binds fd to the source address, if there is one, and begins to connect it.
func (d *epoll) setUp(fd int, from netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if from.IsValid() {
		// The port is chosen by connect, which knows the whole tuple, and not by bind.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	if err := unix.Connect(fd, sockaddr(d.g.addr)); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	return nil
}

// sockaddr is a in the form of the kernel.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (d *epoll) run(step stepFunc) {
	for {
		now := d.g.clock.now()
		wake, done := step(now)
		if done {
			return
		}
		for i := range d.wait(wake - now) {
			d.event(&d.events[i])
		}
	}
}

// wait returns the number of events; it sleeps at most nanos.
func (d *epoll) wait(nanos int64) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(d.fd),
		uintptr(unsafe.Pointer(&d.events[0])), epollBatch, 0, 0, 0)
	if errno == 0 && n > 0 {
		return int(n)
	}
	if d.spin || nanos <= 0 {
		return 0
	}
	ts := unix.NsecToTimespec(nanos)
	n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(d.fd),
		uintptr(unsafe.Pointer(&d.events[0])), epollBatch, uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == unix.ENOSYS {
		// Before Linux 5.11 there are only milliseconds: round up, an early wake-up would spin.
		millis := (time.Duration(nanos) + time.Millisecond - 1) / time.Millisecond
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(d.fd),
			uintptr(unsafe.Pointer(&d.events[0])), epollBatch, uintptr(millis), 0, 0)
	}
	if errno != 0 {
		return 0
	}
	return int(n)
}

// event handles one event of the kernel.
func (d *epoll) event(ev *unix.EpollEvent) {
	s := d.socks[ev.Fd]
	if s == nil || s.gen != ev.Pad {
		return
	}
	const ending = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if !s.connected && !s.finishConnect() {
		return
	}
	if ev.Events&unix.EPOLLOUT != 0 && s.c.blocked {
		s.c.writable(d.g.clock.now())
	}
	if ev.Events&(unix.EPOLLIN|ending) != 0 && s.fd >= 0 {
		s.read(ev.Events&ending != 0)
	}
}

// finishConnect is called at the first event of a socket.
func (s *epollSocket) finishConnect() bool {
	now := s.d.g.clock.now()
	soError, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && soError != 0 {
		err = os.NewSyscallError("connect", unix.Errno(soError))
	}
	if err != nil {
		s.c.ended(err, now)
		return false
	}
	s.connected = true
	s.c.connected(now)
	return s.fd >= 0
}

// read reads until the socket is empty. A short read says so, except where the
// end of the stream may be waiting behind the data.
func (s *epollSocket) read(ending bool) {
	buf := s.d.buf
	for s.fd >= 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd),
			uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			s.c.ended(os.NewSyscallError("recvfrom", errno), s.d.g.clock.now())
			return
		case n == 0:
			s.c.ended(io.EOF, s.d.g.clock.now())
			return
		}
		s.c.data(buf[:n], s.d.g.clock.now())
		if int(n) < len(buf) && !ending {
			return
		}
	}
}

func (s *epollSocket) send(p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR:
		default:
			return 0, os.NewSyscallError("sendto", errno)
		}
	}
}

func (s *epollSocket) shut() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
}

func (s *epollSocket) close(abort bool) {
	if s.fd < 0 {
		return
	}
	if abort {
		_ = unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // then it is an orderly end
	}
	_ = unix.Close(s.fd) // whatever it says, the descriptor is gone
	s.fd = -1
	s.d.socks[s.slot] = nil
	s.d.free = append(s.d.free, s.slot)
}
