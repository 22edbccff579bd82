package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/pool"
)

var (
	soakTime = flag.Duration("soak", 0, "how long TestSoak takes; 0: it is left out")
	soakRole = flag.String("soak.role", "", "what this process is of TestSoak; it starts itself")
)

// soaked is what the process under TestSoak holds.
type soaked struct {
	Goroutines, Descriptors int
	Buffers                 int64
	RSS                     int64 // after a collection, in bytes
	Sockets                 int64
	Metrics                 Metrics
}

// TestSoak is `make soak`: a server in a process of its own takes churn, stalled readers, panicking callbacks and, where
// root and nft are there, a network that loses a twentieth of all packets. Afterwards it holds what it held before.
func TestSoak(t *testing.T) {
	switch {
	case *soakRole == "server":
		soakServer(t)
	case *soakRole == "loss":
		soakLoss(t)
	case *soakTime == 0:
		t.Skip("make soak runs it")
	default:
		t.Run("churn", func(t *testing.T) { soakChurn(t, *soakTime*3/4) })
		t.Run("loss", func(t *testing.T) { soakInNetwork(t, *soakTime/4) })
	}
}

// soakServer serves until its standard input ends.
func soakServer(t *testing.T) {
	var news Topic
	s, err := New(Handler{}, &Options{Inline: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Handle("/echo", echo)
	s.Handle("/news", Handler{Open: func(c *Conn) { news.Subscribe(c) }})
	s.Handle("/panic", Handler{Message: func(*Conn, Message) { panic("soak") }})
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln) // ends on Close
	stats, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stats.Close()
	go http.Serve(stats, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // ends on Close
		if n, err := strconv.Atoi(r.URL.Query().Get("publish")); err == nil {
			news.Publish(Binary, make([]byte, n))
			return
		}
		runtime.GC()
		debug.FreeOSMemory()
		m := s.Metrics()
		json.NewEncoder(w).Encode(soaked{runtime.NumGoroutine(), descriptors(), pool.Outstanding(), residentBytes(), m.Sockets, m})
	}))
	fmt.Printf("soak %s %s\n", ln.Addr(), stats.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// residentBytes is VmRSS of this process.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}

// soakProcess is a soakServer, as its parent sees it.
type soakProcess struct {
	t          *testing.T
	cmd        *exec.Cmd
	url, stats string
}

func startSoak(t *testing.T) *soakProcess {
	t.Helper()
	p := &soakProcess{t: t, cmd: exec.Command(os.Args[0], "-test.run", "^TestSoak$", "-soak.role", "server")}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		p.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	var at string
	if _, serr := fmt.Sscanf(line, "soak %s %s\n", &at, &p.stats); err != nil || serr != nil {
		t.Fatalf("got %q, %v", line, err)
	}
	p.url = "ws://" + at
	return p
}

// holds asks what the server holds now.
func (p *soakProcess) holds() (s soaked) {
	p.t.Helper()
	r, err := http.Get("http://" + p.stats + "/")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// settled is holds, once nobody is connected any more.
func (p *soakProcess) settled() (s soaked) {
	p.t.Helper()
	for end := time.Now().Add(2 * patience); ; time.Sleep(100 * time.Millisecond) {
		if s = p.holds(); s.Sockets == 0 {
			return s
		}
		if time.Now().After(end) {
			p.t.Fatalf("%d sockets are never closed", s.Sockets)
		}
	}
}

func (p *soakProcess) churn(d time.Duration) *bench.Result {
	p.t.Helper()
	r, err := bench.Churn(context.Background(), bench.ChurnOptions{
		Target: bench.Target{URL: p.url + "/echo", PID: p.cmd.Process.Pid}, Load: bench.Load{Duration: d, Warmup: -1}, Conns: 100,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if r.Endings.Failed != 0 {
		p.t.Errorf("%d connections failed: %s", r.Endings.Failed, strings.Join(r.Endings.Failures, "; "))
	}
	return r
}

// soakChurn has connections come and go, beside readers that read nothing and callbacks that panic.
func soakChurn(t *testing.T, d time.Duration) {
	p := startSoak(t)
	p.churn(max(d/10, time.Second)) // it gets warm
	before := p.settled()

	stop := make(chan struct{})
	var others sync.WaitGroup
	var panics, news atomic.Int64
	others.Go(func() { p.stall(stop, &news) })
	others.Go(func() { p.panic(stop, &panics) })
	r := p.churn(d * 9 / 10)
	close(stop)
	others.Wait()

	after := p.settled()
	fmt.Printf("soak: %d connections in %.0f s, %.0f/s: %d clean, %d FIN, %d RST; %d panics; %d MiB published to readers that stall, %d of them closed\n",
		r.Count, r.Seconds, r.PerSecond, r.Endings.Clean, r.Endings.FIN, r.Endings.RST, panics.Load(), news.Load()>>20, after.Metrics.Slow)
	fmt.Printf("soak: before %d descriptors, %d goroutines, %d buffers, RSS %.1f MiB; after %d, %d, %d, %.1f MiB; longest wait of a loop %v\n",
		before.Descriptors, before.Goroutines, before.Buffers, float64(before.RSS)/(1<<20),
		after.Descriptors, after.Goroutines, after.Buffers, float64(after.RSS)/(1<<20), after.Metrics.Lag.Max)
	if after.Descriptors > before.Descriptors || after.Goroutines > before.Goroutines || after.Buffers > before.Buffers {
		t.Errorf("left behind: %+v, before: %+v", after, before)
	}
	if grown := after.RSS - before.RSS; grown > 5<<20 {
		t.Errorf("RSS after a collection has grown by %d bytes", grown)
	}
	if m := after.Metrics; m.Panics < uint64(panics.Load()) || m.Upgraded != m.Closed || panics.Load() == 0 {
		t.Errorf("%d panics were provoked: %+v", panics.Load(), m)
	}
}

// stall subscribes 50 readers that read nothing, to a megabyte a second.
func (p *soakProcess) stall(stop <-chan struct{}, bytes *atomic.Int64) {
	var readers []net.Conn
	defer func() {
		for _, nc := range readers {
			nc.Close()
		}
	}()
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond): // the rate
		}
		if len(readers) < 50 {
			if nc, err := p.join("/news"); err == nil {
				readers = append(readers, nc)
			}
		}
		if r, err := http.Get("http://" + p.stats + "/?publish=100000"); err == nil {
			r.Body.Close()
			bytes.Add(100_000)
		}
	}
}

// panic has a callback panic, a hundred times a minute.
func (p *soakProcess) panic(stop <-chan struct{}, n *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(600 * time.Millisecond): // the rate
		}
		nc, err := p.join("/panic")
		if err != nil {
			p.t.Error(err)
			return
		}
		nc.Write(text("panic"))
		nc.SetReadDeadline(time.Now().Add(patience))
		if f, err := readWire(nc); err != nil || f.op != opClosed || string(f.payload[:2]) != string(closePayload(1011, "")) {
			p.t.Errorf("after a panic: %v, %v", f, err)
		}
		nc.Close()
		n.Add(1)
	}
}

// join opens a connection whose reads begin behind the handshake.
func (p *soakProcess) join(path string) (net.Conn, error) {
	nc, err := net.Dial("tcp", strings.TrimPrefix(p.url, "ws://"))
	if err != nil {
		return nil, err
	}
	nc.Write([]byte(ask(path)))
	one := make([]byte, 1)
	for tail := ""; !strings.HasSuffix(tail, "\r\n\r\n"); tail += string(one) {
		if _, err := io.ReadFull(nc, one); err != nil {
			return nc, err
		}
	}
	return nc, nil
}

// loseOneInTwenty are the rules of a network that does, each way.
const loseOneInTwenty = `
table inet soak {
	chain input {
		type filter hook input priority 0;
		tcp dport 9001 numgen random mod 1000 < 50 drop
		tcp sport 9001 numgen random mod 1000 < 50 drop
	}
}
`

// soakInNetwork runs soakLoss in a network namespace that loses packets.
func soakInNetwork(t *testing.T, d time.Duration) {
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	name := fmt.Sprintf("weir-soak-%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("no network namespace: %s", out)
	}
	defer exec.Command("ip", "netns", "delete", name).Run()
	in := func(stdin string, args ...string) string {
		t.Helper()
		cmd := exec.Command("ip", append([]string{"netns", "exec", name}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", args[0], err, out)
		}
		return string(out)
	}
	in("", "ip", "link", "set", "lo", "up")
	in(loseOneInTwenty, "nft", "-f", "-")
	if t.Failed() {
		return
	}
	out := in("", os.Args[0], "-test.run", "^TestSoak$", "-soak.role", "loss", "-soak", d.String())
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "soak:") {
			fmt.Print(line)
		}
	}
}

// soakLoss is a server and its load where packets are lost: every echo comes, byte for byte, and nobody is taken for
// dead.
func soakLoss(t *testing.T) {
	h, ended := ends(echo)
	s, err := New(h, &Options{KeepAlive: 5 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := s.Listen("127.0.0.1:9001")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln) // ends on Close
	r, err := bench.Echo(context.Background(), bench.EchoOptions{
		Target: bench.Target{URL: "ws://127.0.0.1:9001/", DialTimeout: 30 * time.Second},
		Load:   bench.Load{Size: 200, Duration: *soakTime, Warmup: -1}, Conns: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := s.Metrics()
	fmt.Printf("soak: with 5 %% loss each way %d echoes in %.0f s, right to the byte; p50 %v, p99 %v, max %v; %d timeouts\n",
		r.Count, r.Seconds, r.Latency.P50, r.Latency.P99, r.Latency.Max, m.Timeouts)
	if m.Timeouts != 0 {
		t.Errorf("%d connections were taken for dead", m.Timeouts)
	}
	for len(ended) > 0 {
		if e := <-ended; errors.Is(e, ErrTimeout) {
			t.Errorf("a connection ended with %v", e)
		}
	}
}
