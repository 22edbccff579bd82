package pollertest

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/weirws/weir/poller"
)

// talk checks that nc and far are the two ends of one connection, first having been read from it.
func talk(t *testing.T, nc, far net.Conn, first string) {
	t.Helper()
	if nc == nil {
		t.Fatal("nothing was detached")
	}
	defer nc.Close()
	done := write(far, []byte("from far"))
	got := make([]byte, len(first)+len("from far"))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != first+"from far" {
		t.Errorf("got %q (%v), want %q", got, err, first+"from far")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	done = write(nc, []byte("from near"))
	got = make([]byte, len("from near"))
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "from near" {
		t.Errorf("got %q (%v), want from near", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// testDetachWithin detaches within Data: what was not handed to Data yet comes from the net.Conn.
func testDetachWithin(t *testing.T, b Backend) {
	p := newProbe(t)
	room := make([]byte, 4)
	p.open = func() { p.ReadInto(true) }
	p.room = func() []byte { return room }
	detached := make(chan net.Conn, 1)
	p.data = func(b []byte) {
		if string(b) != "head" {
			t.Errorf("got %q, want head", b)
		}
		nc, err := p.Detach()
		if err != nil {
			t.Error(err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Detach: got %v, want net.ErrClosed", err)
		}
		detached <- nc
	}
	_, far := one(t, b, p)
	if err := <-write(far, []byte("head, body, ")); err != nil {
		t.Fatal(err)
	}
	talk(t, <-detached, far, ", body, ")
}

// testDetachIdle detaches while nothing is under way, after something was.
func testDetachIdle(t *testing.T, b Backend) {
	p := newProbe(t)
	p.echo()
	drained := make(chan struct{}, 1)
	p.drain = func() { drained <- struct{}{} }
	_, far := one(t, b, p)
	exchange(t, far, []byte("something"))
	settle(t, p.Loop())
	var nc net.Conn
	detach := func() (err error) {
		on(t, p.Loop(), func() { nc, err = p.Detach() })
		return err
	}
	err := detach()
	for errors.Is(err, poller.ErrUnwritten) {
		if p.Closed() {
			t.Fatal("Closed without having been detached")
		}
		<-drained
		err = detach()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !p.Closed() {
		t.Error("not Closed after Detach")
	}
	detached := nc
	if err := detach(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Detach: got %v, want net.ErrClosed", err)
	}
	talk(t, detached, far, "")
}

// testDetachEarly: bytes given to Attach go with the connection if Data has not had them.
func testDetachEarly(t *testing.T, b Backend) {
	p := newProbe(t)
	detached := make(chan net.Conn, 1)
	p.open = func() {
		p.Pause()
		p.Loop().Do(func() {
			nc, err := p.Detach()
			if err != nil {
				t.Error(err)
			}
			detached <- nc
		})
	}
	far := attach(t, b, newPoller(t, b), p, []byte("early, "))
	talk(t, <-detached, far, "early, ")
}
