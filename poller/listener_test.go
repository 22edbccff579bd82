package poller_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/weirws/weir/poller"
)

func newPoller(t testing.TB, o poller.Options) *poller.Poller {
	t.Helper()
	p, err := poller.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// sayTo dials ln and expects an echo.
func sayTo(t *testing.T, ln *poller.Listener) {
	t.Helper()
	nc, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	speakTo(t, nc)
}

// speakTo sends something over nc and expects it back.
func speakTo(t *testing.T, nc net.Conn) {
	t.Helper()
	if _, err := io.WriteString(nc, "hello"); err != nil {
		t.Fatal(err)
	}
	var got [5]byte
	if _, err := io.ReadFull(nc, got[:]); err != nil || string(got[:]) != "hello" {
		t.Fatalf("got %q (%v), want hello", got, err)
	}
}

func deal(*poller.Loop, netip.AddrPort) (*poller.Conn, poller.Handler) {
	e := new(echo)
	return &e.Conn, e
}

func TestListenUnix(t *testing.T) {
	for _, streams := range []bool{false, true} {
		p := newPoller(t, poller.Options{Streams: streams})
		dir, err := os.MkdirTemp("", "poller") // t.TempDir may be too long for a socket's path
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "s")
		ln, err := p.Listen("unix", path, poller.ListenOptions{Backlog: 10})
		if err != nil {
			t.Fatal(err)
		}
		err = ln.Deal(func(to *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
			if remote.IsValid() {
				t.Errorf("remote is %v, want none", remote)
			}
			return deal(to, remote)
		})
		if err != nil {
			t.Fatal(err)
		}
		sayTo(t, ln)
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's file is still there (%v)", err)
		}
	}
}

// TestListenDeals: the loops get connections in turn, each with its peer's address.
func TestListenDeals(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			p := newPoller(t, poller.Options{Loops: 3})
			ln, err := p.Listen("tcp", addr, poller.ListenOptions{})
			if err != nil {
				t.Skip(err) // a machine without IPv6
			}
			type dealt struct {
				to     *poller.Loop
				remote netip.AddrPort
			}
			got := make(chan dealt, 1)
			err = ln.Deal(func(to *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
				got <- dealt{to, remote}
				return deal(to, remote)
			})
			if err != nil {
				t.Fatal(err)
			}
			dialAddr := ln.Addr().String()
			if addr == "[::]:0" {
				_, port, _ := net.SplitHostPort(dialAddr)
				dialAddr = "127.0.0.1:" + port // an IPv4 peer of an IPv6 socket
			}
			for i := range 6 {
				nc, err := net.Dial("tcp", dialAddr)
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				speakTo(t, nc)
				d := <-got
				if d.to.Index() != i%3 {
					t.Errorf("connection %d went to loop %d, want %d", i, d.to.Index(), i%3)
				}
				if d.remote.String() != nc.LocalAddr().String() {
					t.Errorf("remote is %v, want %v", d.remote, nc.LocalAddr())
				}
			}
		})
	}
}

// TestListenRefuse: a nil Conn closes the connection.
func TestListenRefuse(t *testing.T) {
	for _, streams := range []bool{false, true} {
		p := newPoller(t, poller.Options{Streams: streams})
		ln, err := p.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = ln.Deal(func(*poller.Loop, netip.AddrPort) (*poller.Conn, poller.Handler) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want EOF", err)
		}
		nc.Close()
	}
}

// TestListenClose: those who wait when Close is called are served first.
func TestListenClose(t *testing.T) {
	p := newPoller(t, poller.Options{Loops: 2})
	ln, err := p.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, 200)
	if err := ln.Deal(deal); err != nil {
		t.Fatal(err)
	}
	for i := range conns {
		if conns[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	for _, nc := range conns {
		speakTo(t, nc)
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: got %v, want net.ErrClosed", err)
	}
	if err := ln.Deal(deal); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Deal after Close: got %v, want net.ErrClosed", err)
	}
	if nc, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		nc.Close()
		t.Error("somebody still listens")
	}
}

func TestListenErrors(t *testing.T) {
	p := newPoller(t, poller.Options{})
	for _, tt := range []struct {
		name, network, addr string
		o                   poller.ListenOptions
	}{
		{"network", "udp", "127.0.0.1:0", poller.ListenOptions{}},
		{"address", "tcp", "127.0.0.1:-1", poller.ListenOptions{}},
		{"backlog", "tcp", "127.0.0.1:0", poller.ListenOptions{Backlog: -1}},
		{"port reused on unix", "unix", filepath.Join(t.TempDir(), "s"), poller.ListenOptions{ReusePort: true}},
	} {
		if ln, err := p.Listen(tt.network, tt.addr, tt.o); err == nil {
			ln.Close()
			t.Errorf("%s: no error", tt.name)
		}
	}
	ln, err := p.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := p.Listen("tcp", ln.Addr().String(), poller.ListenOptions{}); err == nil {
		second.Close()
		t.Error("a port is listened on twice")
	}
	if err := ln.Deal(deal); err != nil {
		t.Fatal(err)
	}
	if err := ln.Deal(deal); err == nil {
		t.Error("Deal may be called twice")
	}
}

// wrapped is a listener of a type of its own.
type wrapped struct{ net.Listener }

// TestListenFrom adopts listeners: by descriptor, from a file as a new process has it, and one that
// is only an interface.
func TestListenFrom(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, ln *net.TCPListener) net.Listener
	}{
		{"TCP", func(_ *testing.T, ln *net.TCPListener) net.Listener { return ln }},
		{"inherited", func(t *testing.T, ln *net.TCPListener) net.Listener {
			f, err := ln.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			defer ln.Close()
			inherited, err := net.FileListener(f)
			if err != nil {
				t.Fatal(err)
			}
			return inherited
		}},
		{"wrapped", func(_ *testing.T, ln *net.TCPListener) net.Listener { return wrapped{ln} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPoller(t, poller.Options{Loops: 2})
			nl, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ln, err := p.ListenFrom(tt.make(t, nl.(*net.TCPListener)))
			if err != nil {
				t.Fatal(err)
			}
			if err := ln.Deal(deal); err != nil {
				t.Fatal(err)
			}
			sayTo(t, ln)
			sayTo(t, ln)
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
			if nc, err := net.Dial("tcp", ln.Addr().String()); err == nil {
				nc.Close()
				t.Error("somebody still listens")
			}
		})
	}
}
