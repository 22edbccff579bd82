//go:build linux

package poller

import (
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEcho is one message of 32 bytes there and back, over several connections at once.
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 100} {
		b.Run("conns="+strconv.Itoa(conns), func(b *testing.B) {
			p := start(b, Options{Loops: 1})
			benchEcho(b, conns, func(fd int) {
				h := &quiet{data: func(c *Conn, msg []byte) { c.Write(msg) }}
				h.c = &h.own
				if err := p.Loop(0).AttachFD(fd, h.c, h); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// benchEcho drives the far ends of n connections: all write, then all read.
func benchEcho(b *testing.B, n int, add func(fd int)) {
	far := make([]int, n)
	for i := range far {
		near, other := tcpEnds(b)
		nearFD, err := dup(near)
		if err != nil {
			b.Fatal(err)
		}
		if far[i], err = dup(other); err != nil {
			b.Fatal(err)
		}
		near.Close()
		other.Close()
		if err := unix.SetNonblock(far[i], false); err != nil {
			b.Fatal(err)
		}
		defer unix.Close(far[i])
		add(nearFD)
	}
	msg, got := make([]byte, 32), make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += n {
		for _, fd := range far {
			if _, errno := send(fd, msg); errno != 0 {
				b.Fatal(errno)
			}
		}
		for _, fd := range far {
			if m, err := unix.Read(fd, got); m != len(msg) || err != nil {
				b.Fatalf("got %d bytes (%v)", m, err)
			}
		}
	}
}

// BenchmarkWake is a wake-up from another goroutine, there and back.
func BenchmarkWake(b *testing.B) {
	for _, streams := range []bool{false, true} {
		b.Run("streams="+strconv.FormatBool(streams), func(b *testing.B) {
			turned := make(chan struct{}, 1)
			p := start(b, Options{Loops: 1, Streams: streams, Turn: func(*Loop) { turned <- struct{}{} }})
			b.ReportAllocs()
			for b.Loop() {
				p.Loop(0).Wake()
				<-turned
			}
		})
	}
}

// BenchmarkDo is a task that is given while the loop is busy with others.
func BenchmarkDo(b *testing.B) {
	p := start(b, Options{Loops: 1})
	l := p.Loop(0)
	f := func() {}
	b.ReportAllocs()
	for b.Loop() {
		l.Do(f)
	}
}

// BenchmarkAccept is a connection that is made, opened, and closed by both ends.
func BenchmarkAccept(b *testing.B) {
	p := start(b, Options{Loops: 1})
	ln := listen(b, p, ListenOptions{})
	opened := make(chan struct{}, 1)
	err := ln.Deal(func(*Loop, netip.AddrPort) (*Conn, Handler) {
		q := &quiet{open: opened}
		q.c = &q.own
		return q.c, q
	})
	if err != nil {
		b.Fatal(err)
	}
	sa, err := unix.Getsockname(ln.acceptors[0].fd)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.Connect(fd, sa); err != nil {
			b.Fatal(err)
		}
		<-opened
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // no TIME_WAIT
		unix.Close(fd)
	}
}

// BenchmarkTable is the lookup of every event.
func BenchmarkTable(b *testing.B) {
	var tab table
	c := new(Conn)
	for fd := range 20000 {
		tab.put(fd, c)
	}
	fd := 0
	for b.Loop() {
		if fd = (fd + 7919) % 20000; tab.get(fd) == nil {
			b.Fatal("lost")
		}
	}
}
