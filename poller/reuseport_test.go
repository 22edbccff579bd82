//go:build linux

package poller_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirws/weir/poller"
)

// TestReusePort: every loop has a socket of its own, all connections are served, and nobody whose
// port it was not gets in between.
func TestReusePort(t *testing.T) {
	p := newPoller(t, poller.Options{Loops: 3})
	ln, err := p.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{ReusePort: true, Backlog: 128})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan int, 64)
	err = ln.Deal(func(to *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
		seen <- to.Index()
		return deal(to, remote)
	})
	if err != nil {
		t.Fatal(err)
	}
	loops := make(map[int]bool)
	for range cap(seen) {
		sayTo(t, ln)
		loops[<-seen] = true
	}
	if len(loops) < 2 {
		t.Errorf("%d loops accepted, want all 3 or nearly", len(loops))
	}
	if second, err := p.Listen("tcp", ln.Addr().String(), poller.ListenOptions{ReusePort: true}); !errors.Is(err, unix.EADDRINUSE) {
		if err == nil {
			second.Close()
		}
		t.Errorf("a second listener: got %v, want EADDRINUSE", err)
	}
	if second, err := net.Listen("tcp", ln.Addr().String()); err == nil {
		second.Close()
		t.Error("a second listener without the option has the port too")
	}
}
