//go:build unix && !race && !invariants

package engine

import (
	"bytes"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// line is a connection whose other end is a bare descriptor, so that a peer costs no allocation.
type line struct {
	t  testing.TB
	s  *Server
	c  *Conn
	fd int
	in []byte // what was read
}

// openLine returns the connection of a Server with one loop.
func openLine(t testing.TB, h Handler, o Options) *line {
	t.Helper()
	home(t)
	o.Loops, o.KeepAlive = 1, -1
	s, err := New(h, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return dialLine(t, s)
}

func dialLine(t testing.TB, s *Server) *line {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "")
	nc, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	r := httptest.NewRequest("GET", "/", nil)
	for k, v := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": sampleKey} {
		r.Header.Set(k, v)
	}
	before := map[*Conn]bool{}
	for c := range s.Conns() {
		before[c] = true
	}
	if err := s.Upgrade(nc, r, nil); err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, s: s, fd: fds[1], in: make([]byte, 1<<20)}
	t.Cleanup(func() { unix.Close(l.fd) })
	if n, err := unix.Read(l.fd, l.in); err != nil || !bytes.HasSuffix(l.in[:n], []byte("\r\n\r\n")) {
		t.Fatalf("got %q, %v", l.in[:max(n, 0)], err)
	}
	for c := range s.Conns() {
		if !before[c] {
			l.c = c
		}
	}
	return l
}

// read wants n bytes.
func (l *line) read(n int) {
	for n > 0 {
		m, err := unix.Read(l.fd, l.in[:n])
		if err != nil || m <= 0 {
			l.t.Errorf("read: %d, %v", m, err)
			return
		}
		n -= m
	}
}

func (l *line) write(b []byte) {
	for len(b) > 0 {
		n, err := unix.Write(l.fd, b)
		if err != nil {
			l.t.Errorf("write: %v", err)
			return
		}
		b = b[n:]
	}
}

// onLoop runs f on the loop of l and waits for it.
func (l *line) onLoop(f func()) {
	done := make(chan bool)
	l.c.loop().poll.Do(func() { f(); close(done) })
	<-done
}

// replyLen is how long a server's frame with n bytes is.
func replyLen(n int) int {
	switch {
	case n < 126:
		return n + 2
	case n < 1<<16:
		return n + 4
	}
	return n + 10
}

// runs is how often AllocsPerRun runs what it measures; its result is the average, rounded down.
const runs = 500

// On the loop: bytes in, Message, Send, bytes out.
func TestAllocEcho(t *testing.T) {
	l := openLine(t, echo, Options{Inline: true})
	w := (*wire)(l.c)
	for _, size := range []int{0, 32, 125, 1000, 8000, 9000, 60_000} {
		frame := maskedFrame(0x82, blob(size))
		buf := make([]byte, len(frame))
		feed := map[string]func(){
			"whole": func() {
				copy(buf, frame)
				w.Data(buf)
			},
			"in two parts": func() {
				copy(buf, frame)
				w.Data(buf[:len(buf)/2])
				w.Data(buf[len(buf)/2:])
			},
			"cut in the header": func() {
				copy(buf, frame)
				w.Data(buf[:1])
				w.Data(buf[1:])
			},
		}
		for how, f := range feed {
			var n float64
			l.onLoop(func() {
				n = testing.AllocsPerRun(runs, func() {
					f()
					w.Turned()
					l.read(replyLen(size))
				})
			})
			if n != 0 {
				t.Errorf("%d bytes, %s: %v allocations", size, how, n)
			}
		}
	}
}

// Sixteen messages in one read: one write.
func TestAllocPipelined(t *testing.T) {
	l := openLine(t, echo, Options{Inline: true})
	w := (*wire)(l.c)
	frames := bytes.Repeat(maskedFrame(0x82, blob(32)), 16)
	buf := make([]byte, len(frames))
	var n float64
	l.onLoop(func() {
		n = testing.AllocsPerRun(runs, func() {
			copy(buf, frames)
			w.Data(buf)
			w.Turned()
			l.read(16 * replyLen(32))
		})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Through the socket and the real loop: inline, and with a hop to a strand and back.
func TestAllocThroughLoop(t *testing.T) {
	for _, inline := range []bool{true, false} {
		for _, size := range []int{32, 9000} {
			l := openLine(t, echo, Options{Inline: inline})
			frame := maskedFrame(0x82, blob(size))
			echoOnce := func() {
				l.write(frame)
				l.read(replyLen(size))
			}
			for range 100 { // until strands, workers and buffers are warm
				echoOnce()
			}
			if n := testing.AllocsPerRun(runs, echoOnce); n != 0 {
				t.Errorf("inline %t, %d bytes: %v allocations", inline, size, n)
			}
		}
	}
}

// From another goroutine: at most one for each wake-up, however many messages that is for.
func TestAllocSendFromOutside(t *testing.T) {
	l := openLine(t, Handler{}, Options{Inline: true})
	msg := blob(32)
	pr, err := Prepare(Binary, msg)
	if err != nil {
		t.Fatal(err)
	}
	for name, send := range map[string]func(){
		"Send":         func() { l.c.Send(Binary, msg) },
		"SendPrepared": func() { l.c.SendPrepared(pr) },
	} {
		for _, many := range []int{1, 10} {
			once := func() {
				for range many {
					send()
				}
				l.read(many * replyLen(32))
			}
			for range 100 {
				once()
			}
			if n := testing.AllocsPerRun(runs, once); n > 1 {
				t.Errorf("%d × %s: %v allocations", many, name, n)
			}
		}
	}
}

// fewest is what once allocates when nobody else does: the runtime allocates too, for a thread or after a collection, and
// on a busy machine that falls into one measurement or another.
func fewest(once func()) float64 {
	n := testing.AllocsPerRun(runs, once)
	for range 4 {
		n = min(n, testing.AllocsPerRun(runs, once))
	}
	return n
}

// What a publication costs does not depend on the number of subscribers.
func TestAllocPublish(t *testing.T) {
	first := openLine(t, Handler{}, Options{Inline: true})
	lines := []*line{first}
	var top Topic
	top.Subscribe(first.c)
	msg := blob(128)
	for len(lines) <= 64 {
		once := func() {
			top.Publish(Binary, msg)
			for _, l := range lines {
				l.read(replyLen(128))
			}
		}
		for range 100 {
			once()
		}
		if n := fewest(once); n > 1 {
			t.Errorf("%d subscribers: %v allocations", len(lines), n)
		}
		for range len(lines) {
			l := dialLine(t, first.s)
			top.Subscribe(l.c)
			lines = append(lines, l)
		}
	}
}

// A ping and its pong.
func TestAllocPing(t *testing.T) {
	l := openLine(t, Handler{}, Options{Inline: true, MaxControlsPerSecond: -1})
	w := (*wire)(l.c)
	frame := maskedFrame(0x89, []byte("x"))
	buf := make([]byte, len(frame))
	var n float64
	l.onLoop(func() {
		n = testing.AllocsPerRun(runs, func() {
			copy(buf, frame)
			w.Data(buf)
			w.Turned()
			l.read(3)
		})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// All replies to one read leave in one write: none before the end of the turn, and then they lie in a few places, not in
// one each.
func TestInlineRepliesAreOneWrite(t *testing.T) {
	l := openLine(t, echo, Options{Inline: true, MaxControlsPerSecond: -1})
	w := (*wire)(l.c)
	for _, many := range []int{1, 16, 100, 500} {
		frames := append(bytes.Repeat(maskedFrame(0x82, blob(32)), many), bytes.Repeat(maskedFrame(0x89, []byte("p")), many)...)
		want := many * (replyLen(32) + 3)
		l.onLoop(func() {
			w.Data(frames)
			l.c.mu.Lock()
			if got := l.c.out.Bytes(); got != want {
				t.Errorf("%d messages and pings: %d bytes wait for the turn's end, want %d", many, got, want)
			}
			if n := len(l.c.out.Next(make([][]byte, 0, 100), 1<<20)); n > 4 {
				t.Errorf("%d messages and pings: the replies lie in %d places", many, n)
			}
			l.c.mu.Unlock()
			w.Turned()
			l.read(want)
		})
	}
}

// The size of Conn is the sum that stands above it: an idle connection owns nothing else.
func TestConnSize(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sum is that of a 64-bit system")
	}
	var c Conn
	sum := []struct {
		what string
		size uintptr
	}{
		{"socket", unsafe.Sizeof(c.sock)},
		{"timer", unsafe.Sizeof(c.timer)},
		{"route, value, id", unsafe.Sizeof(c.route) + unsafe.Sizeof(c.value) + unsafe.Sizeof(c.id)},
		{"input, strand", unsafe.Sizeof(c.in) + unsafe.Sizeof(c.line)},
		{"lock, queue, topics, rest", unsafe.Sizeof(c.mu) + unsafe.Sizeof(c.out) + unsafe.Sizeof(c.subs) + unsafe.Sizeof(c.more)},
		{"ticks, slot, stops", unsafe.Sizeof(c.seen) + unsafe.Sizeof(c.said) + unsafe.Sizeof(c.born) + unsafe.Sizeof(c.due) + unsafe.Sizeof(c.slot) + unsafe.Sizeof(c.stops)},
		{"controls", unsafe.Sizeof(c.controls)},
		{"address", unsafe.Sizeof(c.peer)},
	}
	text := ""
	rest := unsafe.Sizeof(c)
	for _, part := range sum {
		text += fmt.Sprintf("%s %d + ", part.what, part.size)
		rest -= part.size
	}
	got := fmt.Sprintf("%d bytes = %sflags and padding %d", unsafe.Sizeof(c), text, rest)
	const want = "208 bytes = socket 40 + timer 24 + route, value, id 32 + input, strand 16 + lock, queue, topics, rest 32 + ticks, slot, stops 24 + controls 2 + address 19 + flags and padding 19"
	if got != want {
		t.Errorf("got  %s\nwant %s\nand so says the comment of Conn", got, want)
	}
}
