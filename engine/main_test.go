package engine

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/pool"
)

// TestMain fails when goroutines, descriptors or buffers are not home after the last test.
func TestMain(m *testing.M) {
	warmUp()
	before := stock()
	code := m.Run()
	if why := before.missing(); why != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "left behind by all tests together:", why)
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}

// warmUp has the runtime open what it opens once: the descriptors of its own poller.
func warmUp() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ln.Close()
	// go test -fuzz starts the goroutine of os/signal some time; it never ends.
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
}

// inventory is what must be back when a test has ended.
type inventory struct {
	goroutines, descriptors int
	buffers                 int64
}

func stock() inventory {
	return inventory{runtime.NumGoroutine(), descriptors(), pool.Outstanding()}
}

// missing waits until all is home, and says what is not.
func (before inventory) missing() string {
	var now inventory
	if until(func() bool {
		now = stock()
		return now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.buffers <= before.buffers
	}) {
		return ""
	}
	return fmt.Sprintf("goroutines %d, were %d; descriptors %d, were %d; buffers %d, were %d",
		now.goroutines, before.goroutines, now.descriptors, before.descriptors, now.buffers, before.buffers)
}

// watched are the tests that home looks after already.
var watched sync.Map

// home fails t if something is not back at its end. What t sets up after the first call is taken down before the check.
func home(t testing.TB) {
	t.Helper()
	if _, known := watched.LoadOrStore(t.Name(), true); known {
		return
	}
	before := stock()
	t.Cleanup(func() {
		watched.Delete(t.Name())
		if t.Failed() {
			return
		}
		if why := before.missing(); why != "" {
			t.Error("left behind:", why)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
	})
}

// until polls cond, and reports whether it came true in time.
func until(cond func() bool) bool {
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// eventually fails t unless cond comes true.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if !until(cond) {
		t.Fatalf("never: %s", what)
	}
}

// within returns what ch brings.
func within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}

// patience is how long a test waits for what must come. It is no assertion on time: a test that passes never waits so long.
const patience = 10 * time.Second
