//go:build linux

package poller

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scribe writes down what it is told.
type scribe struct {
	Conn
	calls []string // owned by the loop
	data  []byte
	room  []byte
	opens chan struct{}
	ended chan error

	onData func(b []byte)
}

func newScribe() *scribe {
	return &scribe{opens: make(chan struct{}, 1), ended: make(chan error, 1)}
}

func (s *scribe) Open() {
	s.calls = append(s.calls, "Open")
	s.opens <- struct{}{}
}
func (s *scribe) Room() []byte { return s.room }
func (s *scribe) Turned()      { s.calls = append(s.calls, "Turned") }
func (s *scribe) Drain()       { s.calls = append(s.calls, "Drain") }

func (s *scribe) Data(b []byte) {
	s.calls = append(s.calls, "Data")
	s.data = append(s.data, b...)
	if s.onData != nil {
		s.onData(b)
	}
}

func (s *scribe) End(err error) {
	s.calls = append(s.calls, "End")
	s.ended <- err
}

// quiet is a Handler that allocates nothing.
type quiet struct {
	own  Conn
	c    *Conn
	open chan struct{}
	data func(c *Conn, b []byte)
}

func (q *quiet) Open() {
	if q.open != nil {
		q.open <- struct{}{}
	}
}
func (q *quiet) Room() []byte { return nil }
func (q *quiet) Data(b []byte) {
	if q.data != nil {
		q.data(q.c, b)
	}
}
func (q *quiet) Turned()   {}
func (q *quiet) Drain()    {}
func (q *quiet) End(error) { q.c.Close() }

// pair returns a connected pair of TCP sockets: one attached with s as its Handler, the other ours.
func pair(t testing.TB, p *Poller, s *scribe) *net.TCPConn {
	t.Helper()
	near, far := tcpEnds(t)
	if err := p.Attach(nil, near, nil, &s.Conn, s); err != nil {
		t.Fatal(err)
	}
	<-s.opens
	return far
}

func tcpEnds(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return accepted.(*net.TCPConn), nc.(*net.TCPConn)
}

// on runs f on l and waits for it.
func on(l *Loop, f func()) {
	done := make(chan struct{})
	l.Do(func() {
		defer close(done)
		f()
	})
	<-done
}

// TestHostile64Reset: a reset is one End with the error, whatever else the event says.
func TestHostile64Reset(t *testing.T) {
	for _, tt := range []struct {
		name   string
		unread bool
	}{{"idle", false}, {"behind bytes", true}} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, Options{Loops: 1})
			s := newScribe()
			far := pair(t, p, s)
			if tt.unread {
				on(s.Loop(), s.Pause)
				far.Write([]byte("some bytes"))
			}
			far.SetLinger(0)
			far.Close()
			on(s.Loop(), s.Resume)
			if err := <-s.ended; !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("End: got %v, want ECONNRESET", err)
			}
			on(s.Loop(), func() {
				events := len(s.calls)
				s.ready(eventRead | eventWrite | eventLinger)
				if len(s.calls) != events {
					t.Errorf("a late event brought %v", s.calls[events:])
				}
				s.Close()
			})
		})
	}
}

// TestHostile65FinBehindBytes: bytes and the FIN in one event are both told, although the read of
// the bytes is short.
func TestHostile65FinBehindBytes(t *testing.T) {
	p := start(t, Options{Loops: 1})
	near, far := tcpEnds(t)
	if _, err := far.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	far.CloseWrite()
	s := newScribe()
	if err := p.Attach(nil, near, nil, &s.Conn, s); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != io.EOF {
		t.Errorf("End: got %v, want EOF", err)
	}
	on(s.Loop(), func() {
		if _, err := s.Write([]byte("reply")); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	if got, err := io.ReadAll(far); err != nil || string(got) != "reply" {
		t.Errorf("got %q (%v), want reply", got, err)
	}
	if string(s.data) != "request" {
		t.Errorf("got %q, want request", s.data)
	}
}

// TestHostile82Urgent: an urgent byte stays where it was sent, over TCP and unix sockets.
func TestHostile82Urgent(t *testing.T) {
	for _, tt := range []struct {
		name   string
		domain int
		paused bool // all of it waits in the socket at once
	}{
		{"TCP", unix.AF_INET, false},
		{"TCP, paused", unix.AF_INET, true},
		{"unix", unix.AF_UNIX, false},
		{"unix, paused", unix.AF_UNIX, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, Options{Loops: 1})
			s := newScribe()
			far := fdPair(t, p, s, tt.domain)
			if tt.paused {
				on(s.Loop(), s.Pause)
			}
			for _, part := range []struct {
				text  string
				flags int
			}{{"before ", 0}, {"!", unix.MSG_OOB}, {" between ", 0}, {"?", unix.MSG_OOB}, {" after", 0}} {
				if err := unix.Sendto(far, []byte(part.text), part.flags, nil); err == unix.EOPNOTSUPP {
					t.Skip("this system's unix sockets have no urgent bytes")
				} else if err != nil {
					t.Error(err)
				}
			}
			if err := unix.Shutdown(far, unix.SHUT_WR); err != nil {
				t.Error(err)
			}
			on(s.Loop(), s.Resume)
			<-s.ended
			on(s.Loop(), func() { s.Close() })
			if want := "before ! between ? after"; string(s.data) != want {
				t.Errorf("got %q, want %q", s.data, want)
			}
		})
	}
}

// fdPair is pair with bare descriptors; it returns the far one.
func fdPair(t *testing.T, p *Poller, s *scribe, domain int) (far int) {
	t.Helper()
	var ends [2]int
	if domain == unix.AF_UNIX {
		var err error
		if ends, err = unix.Socketpair(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	} else {
		near, far := tcpEnds(t)
		for i, nc := range []*net.TCPConn{near, far} {
			fd, err := dup(nc)
			if err != nil {
				t.Fatal(err)
			}
			ends[i] = fd
			nc.Close()
		}
	}
	t.Cleanup(func() { unix.Close(ends[1]) })
	if err := p.Loop(0).AttachFD(ends[0], &s.Conn, s); err != nil {
		t.Fatal(err)
	}
	<-s.opens
	return ends[1]
}

// TestStale: an event says no more than a number. Whatever it says to the wrong connection or to
// none, nothing comes of it.
func TestStale(t *testing.T) {
	p := start(t, Options{Loops: 2})
	s := newScribe()
	far := pair(t, p, s)
	fd := int(s.sock) - 1
	l := s.Loop()
	other := p.Loop(1 - l.Index())
	all := uint32(unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP | unix.EPOLLRDHUP)
	on(l, func() {
		for range 3 {
			if err := l.event(fd, all, 0); err != nil {
				t.Error(err)
			}
		}
	})
	on(other, func() {
		for _, number := range []int{fd, fd + 1, 0, 1 << 20} {
			if err := other.event(number, all, 0); err != nil {
				t.Error(err)
			}
		}
	})
	busy, release := make(chan struct{}), make(chan struct{})
	l.Do(func() {
		close(busy)
		<-release
	})
	<-busy
	far.Write([]byte("here"))
	on(other, func() {
		if err := other.event(fd, all, 0); err != nil {
			t.Error(err)
		}
		if len(s.data) > 0 {
			t.Error("another loop has read")
		}
	})
	close(release)
	far.CloseWrite()
	if err := <-s.ended; err != io.EOF {
		t.Errorf("End: got %v, want EOF", err)
	}
	on(l, func() {
		s.Close()
		if err := l.event(fd, all, 0); err != nil {
			t.Error(err)
		}
	})
	if string(s.data) != "here" {
		t.Errorf("got %q, want here", s.data)
	}
	want := "Open Data Turned End"
	if got := join(s.calls); got != want {
		t.Errorf("calls: got %s, want %s", got, want)
	}
}

func join(words []string) string {
	var b []byte
	for i, w := range words {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, w...)
	}
	return string(b)
}

// TestUnregistered: an event that overtakes the registration waits for it, and is nothing if the
// registration fails.
func TestUnregistered(t *testing.T) {
	p := start(t, Options{Loops: 1})
	l := p.Loop(0)
	s := newScribe()
	s.bind(l, s)
	on(l, func() {
		s.ready(eventRead | eventWrite)
		if len(s.calls) > 0 {
			t.Errorf("an unregistered connection was told %v", s.calls)
		}
	})
	l.gate.RLock() // as its acceptor, between publishing and registering
	opened := make(chan struct{})
	go on(l, func() {
		if s.begin(0) {
			close(opened)
		}
	})
	s.flags.Or(connRegistered)
	l.gate.RUnlock()
	<-opened
	<-s.opens
}

// TestTurn: a turn ends when its share is used up, and the rest follows in another.
func TestTurn(t *testing.T) {
	p := start(t, Options{Loops: 1, ReadBytes: 1000, TurnBytes: 3000})
	s := newScribe()
	far := pair(t, p, s)
	on(s.Loop(), s.Pause)
	sent := bytes.Repeat([]byte("0123456789"), 1000)
	if _, err := far.Write(sent); err != nil {
		t.Fatal(err)
	}
	far.CloseWrite()
	on(s.Loop(), s.Resume)
	<-s.ended
	on(s.Loop(), func() { s.Close() })
	turn := "Data Data Data Turned "
	if got, want := join(s.calls), "Open "+turn+turn+turn+"Data Turned End"; got != want {
		t.Errorf("calls: got %s, want %s", got, want)
	}
	if !bytes.Equal(s.data, sent) {
		t.Errorf("got %d bytes, want %d", len(s.data), len(sent))
	}
}

// TestAttachFD adopts descriptors, good ones and others. It owns them in any case.
func TestAttachFD(t *testing.T) {
	p := start(t, Options{Loops: 1})
	l := p.Loop(0)

	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) // blocking
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(ends[1]), "far")
	defer far.Close()
	twin, err := unix.Dup(ends[0]) // the socket outlives our descriptor
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(twin)
	s := newScribe()
	if err := l.AttachFD(ends[0], &s.Conn, s); err != nil {
		t.Fatal(err)
	}
	s.onData = func(b []byte) { s.Write(b) }
	far.WriteString("adopted")
	var got [7]byte
	if _, err := io.ReadFull(far, got[:]); err != nil || string(got[:]) != "adopted" {
		t.Errorf("got %q (%v), want adopted", got, err)
	}
	on(l, func() { s.Close() })
	// The twin keeps the socket open: if the reactor still watched it, it would bring events for
	// whoever has the number next. With the same number and socket it can be asked.
	if err := unix.Dup3(twin, ends[0], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := l.reactor.np.Delete(ends[0]); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a closed adopted socket is watched: got %v, want ENOENT", err)
	}
	unix.Close(ends[0])

	datagram, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := unix.Open("reactor_test.go", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range []int{datagram, file} {
		var c Conn
		if err := l.AttachFD(fd, &c, newScribe()); err == nil {
			t.Error("what is no stream socket was adopted")
		}
		if !c.Closed() {
			t.Error("a Conn whose attaching failed is not closed")
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("the descriptor is still open (%v)", err)
		}
	}
}

// TestAttachFull: a socket that can neither be read nor written now is opened all the same.
func TestAttachFull(t *testing.T) {
	p := start(t, Options{Loops: 1})
	near, far := tcpEnds(t)
	filled := 0
	for near.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); ; {
		n, err := near.Write(make([]byte, 1<<20))
		filled += n
		if err != nil {
			break
		}
	}
	s := newScribe()
	if err := p.Attach(nil, near, nil, &s.Conn, s); err != nil {
		t.Fatal(err)
	}
	<-s.opens
	on(s.Loop(), func() { s.Close() })
	if got, err := io.Copy(io.Discard, far); err != nil || got != int64(filled) {
		t.Errorf("got %d bytes (%v), want %d", got, err, filled)
	}
}

// TestDetachExhausted: without a descriptor to spare Detach fails, and the connection lives on.
func TestDetachExhausted(t *testing.T) {
	p := start(t, Options{Loops: 1})
	s := newScribe()
	s.onData = func(b []byte) { s.Write(b) }
	far := pair(t, p, s)
	on(s.Loop(), func() {
		var old unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
			return
		}
		low := unix.Rlimit{Cur: 0, Max: old.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
			t.Error(err)
			return
		}
		_, err := s.Detach()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
		if err == nil || s.Closed() {
			t.Errorf("Detach without descriptors: got %v, closed: %v", err, s.Closed())
		}
	})
	answers(t, far)
	on(s.Loop(), func() { s.Close() })
}
