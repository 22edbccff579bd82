//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// acceptor accepts from one listening descriptor on one loop. Closing takes no wake-up: whoever
// closes it waits for mu and finishes the work itself.
type acceptor struct {
	ln   *Listener
	l    *Loop // its reactor delivers the events
	to   *Loop // deals to this loop only; nil: to all in turn
	deal Deal
	fd   int
	each bool // what is accepted does not inherit our socket options

	// accept is Poller.acceptSock; a test puts an exhausted system in its place.
	accept func(fd int, from *peer) (int, unix.Errno)

	mu      sync.Mutex // held while accepting; guards the following
	from    peer
	closed  bool
	pausing bool // timer will call step
	backOff backOff
	timer   *time.Timer
}

// verdict is what one accept says about the next.
type verdict uint8

const (
	acceptMore verdict = iota
	acceptEmpty
	acceptLater
)

// takeSocket gives ln an acceptor if its net.Listener has a descriptor.
func (ln *Listener) takeSocket() error {
	var keep net.Listener
	switch nl := ln.net.(type) {
	case *net.TCPListener:
	case *net.UnixListener:
		keep = nl // its Close removes the file
	default:
		return nil
	}
	fd, err := dup(ln.net.(syscall.Conn))
	if err != nil {
		return err
	}
	if err := ln.prepare(fd); err != nil {
		_ = unix.Close(fd) // err says more
		return err
	}
	if keep == nil {
		_ = ln.net.Close() // fd keeps the socket
	}
	ln.net = keep
	ln.addAcceptor(fd)
	return nil
}

// prepare prepares fd so that what it accepts needs little more. An accepted socket that lingered
// would hold up its loop when it is closed.
func (ln *Listener) prepare(fd int) error {
	if err := prepare(fd); err != nil {
		return err
	}
	if err := ln.boundUnacked(fd); err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{}))
}

// boundUnacked sets Options.UnackedTime for fd, or for what that accepts.
func (ln *Listener) boundUnacked(fd int) error {
	if d := ln.p.options.UnackedTime; d > 0 {
		return setUserTimeout(fd, d)
	}
	return nil
}

func (ln *Listener) addAcceptor(fd int) *acceptor {
	a := &acceptor{ln: ln, fd: fd, each: !inherits(fd), accept: ln.p.acceptSock}
	a.backOff.log = ln.p.options.Log
	ln.acceptors = append(ln.acceptors, a)
	return a
}

// configure does what o asks for to a listener that Listen has just opened.
func (ln *Listener) configure(o ListenOptions) error {
	if o.ReusePort {
		if err := ln.reusePort(); err != nil {
			return err
		}
	}
	if o.Backlog == 0 {
		return nil
	}
	for _, a := range ln.acceptors {
		if err := unix.Listen(a.fd, o.Backlog); err != nil {
			return os.NewSyscallError("listen", err)
		}
	}
	return nil
}

// start has a's loop accept.
func (a *acceptor) start(deal Deal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deal = deal
	if a.l == nil {
		l, err := a.ln.p.acceptorLoop()
		if err != nil {
			return err
		}
		a.l = l
	}
	return a.l.listen(a)
}

// acceptorLoop returns the loop that accepts for all: the only one, or one of its own, so that
// accepting and serving go on at the same time.
func (p *Poller) acceptorLoop() (*Loop, error) {
	if len(p.all) == 1 {
		return p.all[0], nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, net.ErrClosed
	}
	if p.acceptor == nil {
		l, err := p.newLoop(len(p.all))
		if err != nil {
			return nil, err
		}
		p.acceptor = l
		p.loops.Add(1)
		go l.run() // ends on Close; Close waits
	}
	return p.acceptor, nil
}

// listen has l deliver the events of a.
func (l *Loop) listen(a *acceptor) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if l.closed {
		return net.ErrClosed
	}
	l.reactor.setListener(a.fd, a)
	err := l.reactor.np.AddRead(&netpoll.PollAttachment{FD: a.fd}, true)
	if err != nil {
		l.reactor.setListener(a.fd, nil)
	}
	return err
}

// step accepts what waits, up to its share of the loop's turn. Events, its own task and the timer's
// call it.
func (a *acceptor) step() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.pausing {
		return
	}
	for range acceptsPerTurn {
		switch a.acceptOne() {
		case acceptEmpty:
			return
		case acceptLater:
			a.pause()
			return
		}
	}
	a.l.Do(a.step) // refused: Listener.Close accepts the rest
}

// pause has step called again later.
func (a *acceptor) pause() {
	a.pausing = true
	d := a.backOff.next()
	if a.timer == nil {
		a.timer = time.AfterFunc(d, func() { a.l.Do(a.resume) }) // refused: there is nothing to resume
		return
	}
	a.timer.Reset(d)
}

func (a *acceptor) resume() {
	a.mu.Lock()
	a.pausing = false
	a.mu.Unlock()
	a.step()
}

// acceptOne accepts and deals one connection.
func (a *acceptor) acceptOne() verdict {
	fd, errno := a.accept(a.fd, &a.from)
	switch errno {
	case 0:
	case unix.EAGAIN:
		return acceptEmpty
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.ENETUNREACH,
		unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENOPROTOOPT:
		return acceptMore // that one connection is lost
	default:
		a.backOff.report(os.NewSyscallError("accept", errno), a.ln.addr)
		return acceptLater
	}
	a.backOff.reset()
	if a.each && (setSocketOptions(fd) != nil || a.ln.boundUnacked(fd) != nil) {
		_ = closeRaw(fd) // reset by its peer meanwhile
		return acceptMore
	}
	to := a.to
	if to == nil {
		to = a.ln.p.deal()
	}
	c, h := a.deal(to, a.from.addrPort())
	if c == nil {
		_ = closeRaw(fd) // refused
		return acceptMore
	}
	to.take(fd, c, h)
	return acceptMore
}

// take makes the accepted descriptor fd a connection of l. The first event, that it is writable,
// opens it.
func (l *Loop) take(fd int, c *Conn, h Handler) {
	c.bind(l, h)
	c.sock = int32(fd + 1)
	if err := l.register(fd, c); err != nil {
		c.sock = 0
		_ = closeRaw(fd) // the Handler is told err
		c.fail(err)
	}
}

// close deals what waits, then closes the descriptor.
func (a *acceptor) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deal != nil {
		for range maxDrainAccepts {
			if a.acceptOne() != acceptMore {
				break
			}
		}
	}
	a.closed = true
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.l != nil {
		a.l.deregister(a.fd)
		a.l.reactor.setListener(a.fd, nil)
	}
	_ = unix.Close(a.fd) // nothing was written to be lost
}

// setListener makes a the listener of fd, nil: none.
func (r *reactor) setListener(fd int, a *acceptor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a == nil {
		delete(r.listeners, fd)
		return
	}
	if r.listeners == nil {
		r.listeners = make(map[int]*acceptor)
	}
	r.listeners[fd] = a
}

func (r *reactor) listener(fd int) *acceptor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listeners[fd]
}
