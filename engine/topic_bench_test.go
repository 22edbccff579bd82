//go:build linux && !race && !invariants

package engine

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A publication, until every subscriber has it. Each peer is a bare descriptor.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			first := openLine(b, Handler{}, Options{Inline: true})
			lines := []*line{first}
			for len(lines) < n {
				lines = append(lines, dialLine(b, first.s))
			}
			var top Topic
			for _, l := range lines {
				top.Subscribe(l.c)
			}
			msg := blob(128)
			b.ReportAllocs()
			for b.Loop() {
				top.Publish(Binary, msg)
				for _, l := range lines {
					l.read(replyLen(128))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/delivery")
		})
	}
}

// Coming and going.
func BenchmarkSubscribe(b *testing.B) {
	l := openLine(b, Handler{}, Options{Inline: true})
	var top Topic
	b.ReportAllocs()
	for b.Loop() {
		top.Subscribe(l.c)
		top.Unsubscribe(l.c)
	}
}

// The names of topics.
func BenchmarkTopicByName(b *testing.B) {
	l := openLine(b, Handler{}, Options{Inline: true})
	held := l.s.Topic("the same")
	b.ReportAllocs()
	for b.Loop() {
		if l.s.Topic("the same") != held {
			b.Fatal("another topic")
		}
	}
}

// What a delivery costs the loop that makes it: one topic with all connections, and very many topics with ten each. The
// sockets are those of TCP; what peers do with the messages is not in it.
func BenchmarkFanOut(b *testing.B) {
	const conns, size = 5000, 128
	for _, bm := range []struct{ topics, each int }{{1, conns}, {1000, 10}, {100_000, 10}} {
		b.Run(fmt.Sprintf("%dx%d", bm.topics, bm.each), func(b *testing.B) {
			s, fds := openCrowd(b, conns)
			before := heapBytes()
			tops := make([]Topic, bm.topics)
			all := s.core.loops[0].snapshot()
			for i := range bm.topics * bm.each {
				at := i
				if bm.topics > 1 { // neighbours in a topic are none in memory
					at = i * 2_654_435_761 % conns
				}
				tops[i/bm.each].Subscribe(all[at])
			}
			memory := heapBytes() - before
			msg, next := blob(size), 0
			w := watchLoop(s.core.loops[0])
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent time.Duration
			for b.Loop() {
				spent -= w.spent(0)
				mine := threadTime()
				for n := 0; n < conns; n += bm.each {
					next = (next + 2_654_435_761) % bm.topics
					tops[next].Publish(Binary, msg)
				}
				mine = threadTime() - mine
				spent += w.spent(conns) + mine
				drain(b, fds, replyLen(size))
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/conns, "cpu-ns/delivery")
			b.ReportMetric(float64(memory)/float64(bm.topics*bm.each), "B/subscription")
			runtime.KeepAlive(tops)
		})
	}
}

// loopWatch knows how much CPU time a loop has spent.
type loopWatch struct {
	l    *loop
	seen uint64 // frames written
	told chan time.Duration
}

func watchLoop(l *loop) *loopWatch {
	w := &loopWatch{l: l, told: make(chan time.Duration)}
	l.poll.Do(func() { // the loop stays on one thread from now on
		runtime.LockOSThread()
		w.seen = l.count.framesOut.Load()
		w.told <- 0
	})
	<-w.told
	return w
}

// spent returns the loop's CPU time once it has written so many more frames.
func (w *loopWatch) spent(frames uint64) time.Duration {
	w.seen += frames
	var look func()
	look = func() {
		if w.l.count.framesOut.Load() < w.seen {
			w.l.poll.Do(look)
			return
		}
		w.told <- threadTime()
	}
	w.l.poll.Do(look)
	return <-w.told
}

func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // it always succeeds
	return time.Duration(ts.Nano())
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// openCrowd opens n connections over TCP whose peers are bare descriptors.
func openCrowd(b *testing.B, n int) (*Server, []int) {
	b.Helper()
	home(b)
	s, err := New(Handler{}, &Options{Loops: 1, Inline: true, KeepAlive: -1, MaxTopics: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan bool)
	go func() { s.Serve(ln); close(served) }() // ends on Close
	b.Cleanup(func() { s.Close(); <-served })
	to := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: ln.Addr().(*net.TCPAddr).Port}
	fds := make([]int, n)
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		fds[i] = fd
		b.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, to); err != nil {
			b.Fatal(err)
		}
		if _, err := unix.Write(fd, []byte(ask("/"))); err != nil {
			b.Fatal(err)
		}
		if m, err := unix.Read(fd, make([]byte, 1<<10)); err != nil || m < 100 {
			b.Fatal(m, err)
		}
	}
	for s.Metrics().Conns < int64(n) {
		runtime.Gosched()
	}
	return s, fds
}

// drain reads what is there on fds: frames of the given length, some on each or none.
func drain(b *testing.B, fds []int, frame int) {
	var in [64 << 10]byte
	for _, fd := range fds {
		n, _, err := unix.Recvfrom(fd, in[:], unix.MSG_DONTWAIT)
		if err != nil && err != unix.EAGAIN || n > 0 && n%frame != 0 {
			b.Fatal(n, err)
		}
	}
}
