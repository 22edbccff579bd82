//go:build linux

package poller

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// answerer sends back what it gets, as long as the socket takes it.
type answerer struct {
	Conn
	opened, ended chan error
}

func newAnswerer() *answerer {
	return &answerer{opened: make(chan error, 1), ended: make(chan error, 1)}
}

func (a *answerer) Open()         { a.opened <- nil }
func (a *answerer) Room() []byte  { return nil }
func (a *answerer) Data(b []byte) { _, _ = a.Write(b) } // an error comes to End too
func (a *answerer) Turned()       {}
func (a *answerer) Drain()        {}

func (a *answerer) End(err error) {
	a.ended <- err
	a.Close()
}

func dealAnswerer(*Loop, netip.AddrPort) (*Conn, Handler) {
	a := newAnswerer()
	return &a.Conn, a
}

func listen(t testing.TB, p *Poller, o ListenOptions) *Listener {
	t.Helper()
	ln, err := p.Listen("tcp", "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// dial connects to ln.
func dial(t testing.TB, ln *Listener) net.Conn {
	t.Helper()
	nc, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

// answers checks that what is sent over nc comes back.
func answers(t testing.TB, nc net.Conn) {
	t.Helper()
	if _, err := nc.Write([]byte("ask")); err != nil {
		t.Fatal(err)
	}
	var got [3]byte
	if _, err := io.ReadFull(nc, got[:]); err != nil || string(got[:]) != "ask" {
		t.Fatalf("got %q (%v), want ask", got, err)
	}
}

// TestAcceptExhausted: while the system has nothing left, what lives lives on, attempts are few, and
// the log is short; then those who waited are served.
func TestAcceptExhausted(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		for _, loops := range []int{1, 2} {
			t.Run(unix.ErrnoName(errno), func(t *testing.T) { acceptExhausted(t, errno, loops) })
		}
	}
}

func acceptExhausted(t *testing.T, errno unix.Errno, loops int) {
	var log bytes.Buffer
	p := start(t, Options{Loops: loops, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ln := listen(t, p, ListenOptions{})
	var exhausted atomic.Bool
	attempts := make(chan struct{}, 1000)
	ln.acceptors[0].accept = func(fd int, from *peer) (int, unix.Errno) {
		if !exhausted.Load() {
			return acceptSock(fd, from)
		}
		attempts <- struct{}{}
		return -1, errno
	}
	if err := ln.Deal(dealAnswerer); err != nil {
		t.Fatal(err)
	}
	alive := dial(t, ln)
	answers(t, alive)

	exhausted.Store(true)
	waiting := []net.Conn{dial(t, ln)}
	<-attempts
	for range 20 {
		waiting = append(waiting, dial(t, ln)) // an event each, and none of them an attempt
		answers(t, alive)
	}
	for range 3 { // after 5, 10 and 20 ms
		<-attempts
	}
	exhausted.Store(false)
	for _, nc := range waiting {
		answers(t, nc)
	}
	answers(t, alive)
	if n := len(attempts); n > 8 {
		t.Errorf("%d attempts while pausing", n)
	}
	p.Close() // from here on the log is ours
	if n := strings.Count(log.String(), "\n"); n < 1 || n > 2 {
		t.Errorf("%d log lines, want 1:\n%s", n, log.String())
	}
}

// TestAcceptPassing: an error of one connection is no reason to leave the others waiting.
func TestAcceptPassing(t *testing.T) {
	p := start(t, Options{Loops: 2})
	ln := listen(t, p, ListenOptions{})
	errnos := []unix.Errno{unix.ECONNABORTED, unix.EINTR, unix.EPROTO, unix.EPERM, unix.ENETDOWN}
	ln.acceptors[0].accept = func(fd int, from *peer) (int, unix.Errno) {
		if len(errnos) > 0 {
			errno := errnos[0]
			errnos = errnos[1:]
			return -1, errno
		}
		return acceptSock(fd, from)
	}
	if err := ln.Deal(dealAnswerer); err != nil {
		t.Fatal(err)
	}
	answers(t, dial(t, ln))
}

// TestAcceptMany: more connections wait than one turn deals.
func TestAcceptMany(t *testing.T) {
	for _, loops := range []int{1, 3} {
		p := start(t, Options{Loops: loops})
		ln := listen(t, p, ListenOptions{})
		conns := make([]net.Conn, 3*acceptsPerTurn)
		for i := range conns {
			conns[i] = dial(t, ln)
		}
		if err := ln.Deal(dealAnswerer); err != nil {
			t.Fatal(err)
		}
		for _, nc := range conns {
			answers(t, nc)
		}
	}
}

// TestTakeFails: if the system will not watch an accepted descriptor, its owner hears of it as of
// any other end. A regular file stands for such a descriptor.
func TestTakeFails(t *testing.T) {
	p := start(t, Options{Loops: 1})
	fd, err := unix.Open("acceptor_test.go", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := newAnswerer()
	p.Loop(0).take(fd, &a.Conn, a)
	<-a.opened
	if err := <-a.ended; err == nil {
		t.Error("End without an error")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the descriptor is still open (%v)", err)
	}
}

// TestAcceptedOptions: what a connection has, whether it inherits it from the listening socket or not.
func TestAcceptedOptions(t *testing.T) {
	p := start(t, Options{Loops: 1})
	for _, tt := range []struct {
		name   string
		listen func() (*Listener, error)
	}{
		{"TCP", func() (*Listener, error) { return p.Listen("tcp", "127.0.0.1:0", ListenOptions{Backlog: 7}) }},
		{"net.Listen", func() (*Listener, error) {
			nl, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			return p.ListenFrom(nl)
		}},
		{"unix", func() (*Listener, error) { return p.Listen("unix", "", ListenOptions{}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := tt.listen()
			if err != nil {
				t.Fatal(err)
			}
			checkOptions(t, p, ln, tt.name != "unix")
		})
	}
}

func checkOptions(t *testing.T, p *Poller, ln *Listener, tcp bool) {
	got := make(chan *answerer, 1)
	err := ln.Deal(func(*Loop, netip.AddrPort) (*Conn, Handler) {
		a := newAnswerer()
		got <- a
		return &a.Conn, a
	})
	if err != nil {
		t.Fatal(err)
	}
	answers(t, dial(t, ln))
	a := <-got
	done := make(chan struct{})
	p.Loop(0).Do(func() {
		defer close(done)
		fd := int(a.sock) - 1
		if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY); tcp && (err != nil || v == 0) {
			t.Errorf("TCP_NODELAY is %d (%v), want 1", v, err)
		}
		if v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE); err != nil || v == 0 {
			t.Errorf("SO_OOBINLINE is %d (%v), want 1", v, err)
		}
		if fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || fl&unix.O_NONBLOCK == 0 {
			t.Errorf("the socket is blocking (%v)", err)
		}
		if fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || fl&unix.FD_CLOEXEC == 0 {
			t.Errorf("the socket survives an exec (%v)", err)
		}
	})
	<-done
}
