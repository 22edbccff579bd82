package poller_test

import (
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirws/weir/poller"
	"github.com/weirws/weir/poller/pollertest"
)

// plain hides what kind of connection it is, so that it is served as a stream.
type plain struct{ net.Conn }

func (p plain) CloseWrite() error {
	return p.Conn.(interface{ CloseWrite() error }).CloseWrite()
}

var lives = flag.Int("lives", 0, "connections that the storm opens and closes, for each back end")

// dialPair returns the two ends of a connection over network.
func dialPair(t testing.TB, network string) (near, far net.Conn) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "poller") // t.TempDir may be too long for a socket's path
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		addr = filepath.Join(dir, "s")
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial(network, ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, nc := range []net.Conn{near, far} {
		// So small that a few MiB fill them, and large enough for a few segments of the loopback.
		if err := nc.(buffered).SetReadBuffer(256 << 10); err != nil {
			t.Fatal(err)
		}
		if err := nc.(buffered).SetWriteBuffer(256 << 10); err != nil {
			t.Fatal(err)
		}
	}
	return near, far
}

type buffered interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

func tcpPair(t testing.TB) (near, far net.Conn) { return dialPair(t, "tcp") }

func unixPair(t testing.TB) (near, far net.Conn) { return dialPair(t, "unix") }

func plainPair(t testing.TB) (near, far net.Conn) {
	near, far = tcpPair(t)
	return plain{near}, far
}

func pipePair(testing.TB) (near, far net.Conn) { return net.Pipe() }

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name    string
		backend pollertest.Backend
	}{
		{"reactor over TCP", pollertest.Backend{Pair: tcpPair, HalfClose: true}},
		{"reactor over TCP, one loop, small buffer", pollertest.Backend{
			Options: poller.Options{Loops: 1, ReadBytes: 512, TurnBytes: 1024}, Pair: tcpPair, HalfClose: true}},
		{"reactor over unix sockets", pollertest.Backend{Pair: unixPair, HalfClose: true}},
		{"streams on reactor loops", pollertest.Backend{Pair: plainPair, HalfClose: true}},
		{"streams over TCP", pollertest.Backend{
			Options: poller.Options{Streams: true}, Pair: tcpPair, HalfClose: true}},
		{"streams over pipes", pollertest.Backend{
			Options: poller.Options{Streams: true}, Pair: pipePair}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.backend.Lives = *lives
			pollertest.Run(t, tt.backend)
		})
	}
}
