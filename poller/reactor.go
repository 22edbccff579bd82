//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"io"
	"net"
	"os"
	"sync"

	"github.com/panjf2000/gnet/v2/pkg/errors"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

const haveReactor = true

// reactor is the backend of a loop that serves descriptors. Everything is registered once,
// edge-triggered, for reading and writing, and never changed after.
type reactor struct {
	np    *netpoll.Poller
	waker waker

	mu        sync.Mutex        // guards the following
	listeners map[int]*acceptor // that accept on this loop, by descriptor
}

// What an event of either system says, as far as it matters here.
const (
	eventRead   = 1 << iota // bytes, the end or an error may be there
	eventWrite              // there may be room, or an error
	eventLinger             // a short read does not mean that the socket is empty
)

func openReactor() (*reactor, error) {
	np, err := netpoll.OpenPoller()
	if err != nil {
		return nil, err
	}
	r := &reactor{np: np}
	if r.waker, err = openWaker(); err != nil {
		_ = np.Close() // nothing was registered
		return nil, err
	}
	if err := np.AddRead(&netpoll.PollAttachment{FD: r.waker.readFD()}, true); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *reactor) poll(l *Loop) {
	if err := r.np.Polling(l.event); err != errors.ErrEngineShutdown {
		l.p.options.Log.Error("poller: a loop ends", "loop", l.index, "error", err)
	}
}

func (r *reactor) signal() { r.waker.signal() }

func (r *reactor) close() {
	r.waker.close()
	_ = r.np.Close() // the loop has ended: nobody is left to be told
}

// event is netpoll's callback for one descriptor.
func (l *Loop) event(fd int, ev netpoll.IOEvent, flags netpoll.IOFlags) error {
	c := l.p.table.get(fd)
	if c == nil || c.loop != l {
		return l.eventOther(fd)
	}
	c.ready(eventBits(ev, flags))
	return nil
}

// eventOther is an event of the waker, of a listener, or of a connection that is gone.
func (l *Loop) eventOther(fd int) error {
	if fd == l.reactor.waker.readFD() {
		l.reactor.waker.drain()
		l.work()
		if l.stop.Load() {
			return errors.ErrEngineShutdown
		}
		return nil
	}
	if a := l.reactor.listener(fd); a != nil {
		a.step()
	}
	return nil
}

// ready handles one event of c's descriptor. It may be an event of the connection that had the
// descriptor before: every answer to it is one that a spurious event may have.
func (c *Conn) ready(ev uint8) {
	f := c.flags.Load()
	if f&(connRegistered|connHeld|connOpened) != connRegistered|connOpened && !c.begin(f) {
		return
	}
	if f&connShort != 0 && ev&eventWrite != 0 {
		c.flags.And(^uint32(connShort))
		c.handler.Drain()
	}
	if ev&eventRead != 0 {
		c.readSock(ev&eventLinger != 0)
	}
}

// begin opens c on its first event. False: the event is not for it to handle yet.
func (c *Conn) begin(f uint32) bool {
	if f&connRegistered == 0 {
		// Its acceptor is between publishing the slot and finishing the registration.
		c.loop.gate.Lock()
		f = c.flags.Load()
		c.loop.gate.Unlock()
	}
	if f&connRegistered == 0 || f&connHeld != 0 {
		return false
	}
	c.open()
	return !c.Closed()
}

// readSock is one turn of reading: until the socket is empty, the turn's share is used up or the
// Handler wants no more. linger: go on after a short read.
func (c *Conn) readSock(linger bool) {
	l := c.loop
	left := l.p.options.TurnBytes
	got := false
	for {
		f := c.flags.Load()
		if f&(connDeaf|connEarly) != 0 {
			if f&connDeaf != 0 {
				break
			}
			c.giveEarly()
			got = true
			continue
		}
		b := l.buf
		if f&connInto != 0 {
			if room := c.handler.Room(); len(room) > 0 {
				b = room[:min(len(room), maxCallBytes)]
			}
		}
		n, errno := l.recv(int(c.sock)-1, b)
		if n <= 0 {
			if errno == unix.EINTR {
				continue
			}
			if errno != unix.EAGAIN {
				c.endSock(got, errno)
				return
			}
			break
		}
		got = true
		c.handler.Data(b[:n])
		if n < len(b) && !linger {
			break
		}
		if left -= n; left <= 0 {
			l.again(c)
			break
		}
	}
	if got && !c.Closed() {
		c.handler.Turned()
	}
}

// endSock tells the Handler that reading has ended: errno 0 is the peer's FIN.
func (c *Conn) endSock(got bool, errno unix.Errno) {
	if c.Closed() {
		return
	}
	if got {
		c.handler.Turned()
	}
	if errno == 0 {
		c.end(io.EOF)
		return
	}
	c.end(os.NewSyscallError("recv", errno))
}

// attachSock makes the prepared descriptor fd a connection of l and has the loop start it.
func (l *Loop) attachSock(fd int, early []byte, c *Conn) error {
	c.sock = int32(fd + 1)
	c.flags.Or(connHeld | connAdopted)
	if err := l.register(fd, c); err != nil {
		c.sock = 0
		_ = unix.Close(fd) // the error that matters is err
		return err
	}
	l.Do(func() { c.start(early) }) // refused: the ending loop finds c and ends it
	return nil
}

// register publishes c and has the reactor deliver its events, the first perhaps at once.
func (l *Loop) register(fd int, c *Conn) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return net.ErrClosed
	}
	l.p.table.put(fd, c)
	if err := l.reactor.np.AddReadWrite(&netpoll.PollAttachment{FD: fd}, true); err != nil {
		l.p.table.clear(fd)
		return err
	}
	c.flags.Or(connRegistered)
	return nil
}

// deregister takes fd out of the reactor. Closing does that too, unless the open socket has another
// descriptor somewhere.
func (l *Loop) deregister(fd int) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if !l.closed {
		_ = l.reactor.np.Delete(fd) // it is not there if its registration failed
	}
}

// release takes c's descriptor from it.
func (c *Conn) release() (fd int) {
	fd = int(c.sock) - 1
	c.sock = 0
	c.loop.takeEarly(c)
	if c.flags.Load()&connRegistered != 0 {
		c.loop.p.table.clear(fd)
	}
	return fd
}

func (c *Conn) closeSock() error {
	fd := c.release()
	if fd < 0 {
		return nil // it failed to start
	}
	if c.flags.Load()&connAdopted == 0 {
		return closeRaw(fd)
	}
	c.loop.deregister(fd)
	return os.NewSyscallError("close", unix.Close(fd)) // it may linger: the scheduler has to know
}

func (c *Conn) detachSock() (net.Conn, error) {
	if c.sock == 0 {
		return nil, net.ErrClosed // it failed to start
	}
	nc, err := netConn(int(c.sock) - 1)
	if err != nil {
		return nil, err
	}
	early := c.loop.takeEarly(c)
	fd := c.release()
	c.flags.Or(connClosed)
	c.loop.deregister(fd)
	_ = unix.Close(fd) // nc has the socket
	return withPrefix(nc, early), nil
}

// netConn returns a net.Conn of fd's socket. fd stays as it is.
func netConn(fd int) (net.Conn, error) {
	second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(second), "")
	defer f.Close() // FileConn has a third
	return net.FileConn(f)
}
