package poller

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnackedTime: what a listener accepts has its option, also from one as net.Listen makes it: that speaks MPTCP, and
// what it accepts inherits nothing.
func TestUnackedTime(t *testing.T) {
	own := func(o ListenOptions) func(*Poller) (*Listener, error) {
		return func(p *Poller) (*Listener, error) { return p.Listen("tcp", "127.0.0.1:0", o) }
	}
	for name, listen := range map[string]func(*Poller) (*Listener, error){
		"Listen": own(ListenOptions{}), "ReusePort": own(ListenOptions{ReusePort: true}), "ListenFrom": listenFrom,
	} {
		for _, d := range []time.Duration{0, 30 * time.Second, time.Microsecond} {
			t.Run(fmt.Sprint(name, "/", d), func(t *testing.T) {
				p, err := New(Options{Loops: 2, UnackedTime: d})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { p.Close() })
				ln, err := listen(p)
				if err != nil {
					t.Fatal(err)
				}
				got := make(chan int, 1)
				if err := ln.Deal(func(_ *Loop, _ netip.AddrPort) (*Conn, Handler) {
					c := new(Conn)
					return c, onOpen{c, func() {
						ms, err := unix.GetsockoptInt(int(c.sock)-1, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
						if err != nil {
							t.Error(err)
						}
						got <- ms
					}}
				}); err != nil {
					t.Fatal(err)
				}
				nc, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { nc.Close() })
				select {
				case ms := <-got:
					if want := map[time.Duration]int{30 * time.Second: 30_000, time.Microsecond: 1}[d]; ms != want {
						t.Errorf("got %d ms, want %d", ms, want)
					}
				case <-time.After(10 * time.Second):
					t.Error("never: it is accepted")
				}
			})
		}
	}
	for _, d := range []time.Duration{-1, 1 << 62} {
		if _, err := New(Options{UnackedTime: d}); err == nil {
			t.Errorf("%v is taken", d)
		}
	}
}

func listenFrom(p *Poller) (*Listener, error) {
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return p.ListenFrom(nl)
}

// onOpen is asked when its connection opens, and closes it at its end.
type onOpen struct {
	c    *Conn
	open func()
}

func (h onOpen) Open()      { h.open() }
func (onOpen) Room() []byte { return nil }
func (onOpen) Data([]byte)  {}
func (onOpen) Turned()      {}
func (onOpen) Drain()       {}
func (h onOpen) End(error)  { _ = h.c.Close() }
