//go:build linux && !race

package poller

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAllocs: the hot path allocates nothing: reading and writing back, gathered writes, Wake, and
// the accepting of a connection by the poller's part.
func TestAllocs(t *testing.T) {
	p := start(t, Options{Loops: 2, Turn: func(l *Loop) { l.Value.(chan struct{}) <- struct{}{} },
		Start: func(l *Loop) { l.Value = make(chan struct{}, 1) }})
	s := newScribe()
	bufs := [][]byte{[]byte("as"), []byte("k")}
	gathered := false
	h := &quiet{data: func(c *Conn, b []byte) {
		if gathered {
			c.WriteBuffers(bufs)
			return
		}
		c.Write(b)
	}}
	far := fdPair(t, p, s, unix.AF_INET)
	on(s.Loop(), func() { s.handler = h })
	h.c = &s.Conn

	msg, got := []byte("ask"), make([]byte, 16)
	exchange := func() {
		if err := unix.Sendto(far, msg, 0, nil); err != nil {
			t.Error(err)
		}
		if n, err := unix.Read(far, got); n != len(msg) || err != nil {
			t.Errorf("got %d bytes (%v), want %d", n, err, len(msg))
		}
	}
	expect := func(name string, f func()) {
		t.Helper()
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
	if err := unix.SetNonblock(far, false); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		exchange() // netpoll's list of events shrinks to its least
	}
	expect("read and write", exchange)
	gathered = true
	expect("gathered write", exchange)
	l := p.Loop(1)
	woken := l.Value.(chan struct{})
	expect("Wake", func() {
		l.Wake()
		<-woken
	})
	expectAccept(t, p)
}

// expectAccept: the poller's part of accepting and closing.
func expectAccept(t *testing.T, p *Poller) {
	const runs = 300
	ln := listen(t, p, ListenOptions{})
	conns := make([]quiet, runs+2)
	opened := make(chan struct{}, 1)
	next := 0
	err := ln.Deal(func(*Loop, netip.AddrPort) (*Conn, Handler) {
		q := &conns[next]
		next++
		q.c = &q.own
		q.open = opened
		return q.c, q
	})
	if err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(ln.acceptors[0].fd)
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(runs, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
		}
		if err := unix.Connect(fd, sa); err != nil {
			t.Error(err)
		}
		<-opened
		unix.Close(fd)
	})
	if n != 0 {
		t.Errorf("accept: %v allocations, want none", n)
	}
}
