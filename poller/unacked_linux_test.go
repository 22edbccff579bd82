package poller

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnackedTime: what a listener accepts has its option, without a call for each.
func TestUnackedTime(t *testing.T) {
	for _, o := range []ListenOptions{{}, {ReusePort: true}} {
		for _, d := range []time.Duration{0, 30 * time.Second, time.Microsecond} {
			p, err := New(Options{Loops: 2, UnackedTime: d})
			if err != nil {
				t.Fatal(err)
			}
			ln, err := p.Listen("tcp", "127.0.0.1:0", o)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan int)
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
			if ms, want := <-got, map[time.Duration]int{30 * time.Second: 30_000, time.Microsecond: 1}[d]; ms != want {
				t.Errorf("%+v, %v: got %d ms", o, d, ms)
			}
			nc.Close()
			p.Close()
		}
	}
	for _, d := range []time.Duration{-1, 1 << 62} {
		if _, err := New(Options{UnackedTime: d}); err == nil {
			t.Errorf("%v is taken", d)
		}
	}
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
