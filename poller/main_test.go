package poller_test

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// exhaustedServer in the environment makes the test binary an echo server with few descriptors.
const exhaustedServer = "WEIR_POLLER_EXHAUSTED"

// serveExhausted is that server, where a limit can be set.
var serveExhausted func(addr string)

// TestMain runs the tests and then expects every goroutine and descriptor back.
func TestMain(m *testing.M) {
	if addr := os.Getenv(exhaustedServer); addr != "" {
		serveExhausted(addr)
		return
	}
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close() // the runtime's own poller is open from here on
	}
	// go test -fuzz starts the goroutine of os/signal some time; it never ends.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	signal.Stop(interrupted)
	goroutines, fds := runtime.NumGoroutine(), len(descriptors())
	code := m.Run()
	if code == 0 && !home(goroutines, fds) {
		fmt.Fprintf(os.Stderr, "left over: %d goroutines of %d, %d descriptors of %d\n",
			runtime.NumGoroutine(), goroutines, len(descriptors()), fds)
		for _, fd := range descriptors() {
			fmt.Fprintln(os.Stderr, fd)
		}
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // it helps if it can
		code = 1
	}
	os.Exit(code)
}

// home waits until what was started has ended: a goroutine that has done its last act still counts
// for a moment.
func home(goroutines, fds int) bool {
	for range 200 {
		if runtime.NumGoroutine() <= goroutines && len(descriptors()) <= fds {
			return true
		}
		runtime.GC() // a net.Conn that a test dropped is closed by the collector
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// descriptors lists this process's descriptors, none where the system does not say.
func descriptors() (fds []string) {
	const dir = "/proc/self/fd/"
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, name := range names {
		target, _ := os.Readlink(dir + name.Name()) // the directory's own is gone by now
		fds = append(fds, name.Name()+" "+target)
	}
	return fds
}
