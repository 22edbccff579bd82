package poller

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pinger sends when its owner says so and answers nothing.
type pinger struct {
	Conn
	got   []byte
	ended chan error
}

func (p *pinger) Open()         {}
func (p *pinger) Room() []byte  { return nil }
func (p *pinger) Data(b []byte) { p.got = append(p.got, b...) }
func (p *pinger) Turned()       {}
func (p *pinger) Drain()        {}

func (p *pinger) End(err error) {
	p.ended <- err
	p.Close()
}

// TestStreamTime: loops of streams sleep in a way that testing/synctest sees, so that what is built
// on them can be tested in no time.
func TestStreamTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{Loops: 2, Streams: true})
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		c := &pinger{ended: make(chan error, 1)}
		if err := p.Attach(nil, near, nil, &c.Conn, c); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		tick := time.AfterFunc(time.Hour, func() {
			c.Loop().Do(func() { c.Write([]byte("still there?")) })
		})
		defer tick.Stop()
		got := make([]byte, 12)
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "still there?" {
			t.Errorf("got %q (%v)", got, err)
		}
		if d := time.Since(began); d != time.Hour {
			t.Errorf("the ping came after %v, want an hour", d)
		}
		far.Close()
		if err := <-c.ended; err != io.EOF {
			t.Errorf("End: got %v, want EOF", err)
		}
		p.Close()
	})
}

// TestStreamLinger: a closed stream whose peer does not read is cut after a while, also by
// Poller.Close, which waits for it.
func TestStreamLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{Loops: 1, Streams: true})
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		c := &pinger{ended: make(chan error, 1)}
		if err := p.Attach(nil, near, nil, &c.Conn, c); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c.Loop().Do(func() {
			c.Write([]byte("nobody reads this"))
			c.Close()
		})
		p.Close()
		if d := time.Since(began); d != streamLinger {
			t.Errorf("Close took %v, want %v", d, streamLinger)
		}
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want EOF", err)
		}
	})
}

// leaver is a Handler that does not close what has ended.
type leaver struct{ pinger }

func (l *leaver) End(err error) { l.ended <- err }

// TestStreamLeftOpen: Poller.Close does not wait for an owner that never closes.
func TestStreamLeftOpen(t *testing.T) {
	p := start(t, Options{Loops: 1, Streams: true})
	near, far := net.Pipe()
	c := &leaver{pinger{ended: make(chan error, 1)}}
	if err := p.Attach(nil, near, nil, &c.Conn, c); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if err := <-c.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("End: got %v, want net.ErrClosed", err)
	}
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close after Poller.Close: %v", err)
	}
}

// TestStreamDetachUnwritten: a stream is not given away with bytes of ours still on their way.
func TestStreamDetachUnwritten(t *testing.T) {
	p := start(t, Options{Loops: 1, Streams: true})
	near, far := net.Pipe()
	defer far.Close()
	c := &drained{pinger: pinger{ended: make(chan error, 1)}, again: make(chan struct{}, 1)}
	if err := p.Attach(nil, near, nil, &c.Conn, c); err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	c.Loop().Do(func() {
		c.Write([]byte("ours"))
		_, err := c.Detach()
		refused <- err
	})
	if err := <-refused; !errors.Is(err, ErrUnwritten) {
		t.Errorf("Detach: got %v, want ErrUnwritten", err)
	}
	if _, err := io.ReadFull(far, make([]byte, 4)); err != nil {
		t.Error(err)
	}
	<-c.again
	detached := make(chan error, 1)
	c.Loop().Do(func() {
		nc, err := c.Detach()
		if err == nil {
			nc.Close()
		}
		detached <- err
	})
	if err := <-detached; err != nil {
		t.Errorf("Detach after Drain: %v", err)
	}
}

// drained says when Drain is called.
type drained struct {
	pinger
	again chan struct{}
}

func (d *drained) Drain() { d.again <- struct{}{} }

// quitter leaves right after the turn in which something came.
type quitter struct {
	pinger
	gone chan net.Conn
}

func (q *quitter) Data(b []byte) {
	q.Loop().Do(func() {
		nc, err := q.Detach()
		if err != nil {
			nc = nil
		}
		q.gone <- nc
	})
}

// TestStreamDetachBetweenReads: a reader that was told to go on, and has not begun, is stopped too.
func TestStreamDetachBetweenReads(t *testing.T) {
	p := start(t, Options{Loops: 1, Streams: true})
	for range 3000 {
		near, far := net.Pipe()
		q := &quitter{pinger{ended: make(chan error, 1)}, make(chan net.Conn, 1)}
		if err := p.Attach(nil, near, nil, &q.Conn, q); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case nc := <-q.gone:
			if nc == nil {
				t.Fatal("Detach failed")
			}
			nc.Close()
		case <-time.After(10 * time.Second):
			t.Fatal("Detach hangs")
		}
		far.Close()
	}
}
