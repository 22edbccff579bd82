package poller

import (
	"errors"
	"net"
	"testing"
)

// start makes a Poller that ends with the test.
func start(t testing.TB, o Options) *Poller {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    Options
	}{
		{"Loops", Options{Loops: -1}},
		{"Loops", Options{Loops: maxLoops + 1}},
		{"ReadBytes", Options{ReadBytes: -1}},
		{"ReadBytes", Options{ReadBytes: maxReadBytes + 1}},
		{"TurnBytes", Options{TurnBytes: -1}},
	} {
		if p, err := New(tt.o); err == nil {
			p.Close()
			t.Errorf("%s in %+v is not refused", tt.name, tt.o)
		}
	}
	started := 0
	p, err := New(Options{Loops: 3, Start: func(l *Loop) {
		if l.Index() != started {
			t.Errorf("loop %d starts as number %d", l.Index(), started)
		}
		started++
		l.Value = l.Index() * 10
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Loops() != 3 || started != 3 {
		t.Errorf("%d loops, %d of them started, want 3", p.Loops(), started)
	}
	if l := p.Loop(2); l.Value != 20 || l.Poller() != p {
		t.Errorf("loop 2 has value %v and Poller %p, want 20 and %p", l.Value, l.Poller(), p)
	}
}

// TestZeroConn: what was never attached is closed, and touches no descriptor.
func TestZeroConn(t *testing.T) {
	var c Conn
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write: got %v, want net.ErrClosed", err)
	}
	if _, err := c.WriteBuffers([][]byte{{1}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteBuffers: got %v, want net.ErrClosed", err)
	}
	if err := c.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseWrite: got %v, want net.ErrClosed", err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close: got %v, want net.ErrClosed", err)
	}
	if _, err := c.Detach(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Detach: got %v, want net.ErrClosed", err)
	}
	if c.Loop() != nil || c.LocalAddr() != nil || c.RemoteAddr() != nil {
		t.Error("a zero Conn has a loop or an address")
	}
}
