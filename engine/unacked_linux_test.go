package engine

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A peer that takes nothing of what it is sent, not even into its system's memory, is cut off by the system, and nobody
// else. Here neither the time in a backlog nor silence does it.
func TestHostile66Unacknowledged(t *testing.T) {
	h, ended := ends(echo)
	s := usual.serve(t, h, &Options{MaxUnackedTime: 300 * time.Millisecond, KeepAlive: -1, MaxBacklogAge: -1, MaxBacklogBytes: -1})
	deaf := s.open()
	c := s.only()
	w := witnessed{s.open(), s.open()}
	small(t, deaf.nc)
	for range 16 {
		if err := c.Send(Binary, blob(1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if e := within(t, "the end", ended); e.Code != StatusAbnormalClosure || !errors.Is(e.Err, unix.ETIMEDOUT) {
		t.Errorf("got %+v", e)
	}
	w.alive(t)
	s.idle()
}

// small has the socket take little.
func small(t *testing.T, nc net.Conn) {
	t.Helper()
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
}
