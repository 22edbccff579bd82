package pollertest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
)

func testPeerCloses(t *testing.T, b Backend) {
	p := newProbe(t)
	_, far := one(t, b, p)
	far.Close()
	if err := <-p.ended; err != io.EOF {
		t.Errorf("End: got %v, want EOF", err)
	}
	<-p.closed
	if _, err := p.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: got %v, want net.ErrClosed", err)
	}
	if _, err := p.WriteBuffers([][]byte{{1}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteBuffers after Close: got %v, want net.ErrClosed", err)
	}
	if err := p.CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseWrite after Close: got %v, want net.ErrClosed", err)
	}
}

// testHalfClose: after the peer's FIN the answer still goes out, however large.
func testHalfClose(t *testing.T, b Backend) {
	if !b.HalfClose {
		t.Skip("the back end has no half-close")
	}
	answer := pattern(fill, 7)
	p := newProbe(t)
	p.end = func(error) {
		if p.send(answer) == 0 {
			p.close()
		}
	}
	p.drain = func() {
		if p.flush() == 0 {
			p.close()
		}
	}
	_, far := one(t, b, p)
	if err := <-write(far, []byte("question")); err != nil {
		t.Fatal(err)
	}
	if err := far.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, answer) {
		t.Errorf("got %d bytes (%v), want %d", len(got), err, len(answer))
	}
}

// testCloseWrite: our FIN comes behind what was accepted, and reading goes on.
func testCloseWrite(t *testing.T, b Backend) {
	p := newProbe(t)
	all := p.collect()
	errs := make(chan error, 1)
	p.open = func() {
		p.send([]byte("that is all"))
		errs <- p.CloseWrite()
	}
	_, far := one(t, b, p)
	err := <-errs
	if !b.HalfClose {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("CloseWrite: got %v, want errors.ErrUnsupported", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(far); err != nil || string(got) != "that is all" {
		t.Errorf("got %q (%v), want all of it", got, err)
	}
	if err := <-write(far, []byte("heard")); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if got := string(<-all); got != "heard" {
		t.Errorf("got %q, want heard", got)
	}
}

// testCloseWithin closes within each call; the probe fails the test if another call follows.
func testCloseWithin(t *testing.T, b Backend) {
	short := make(chan struct{})
	for _, tt := range []struct {
		name string
		set  func(p *probe)
	}{
		{"Open", func(p *probe) { p.open = p.close }},
		{"Data", func(p *probe) { p.data = func([]byte) { p.close() } }},
		{"Turned", func(p *probe) { p.turned = p.close }},
		{"Drain", func(p *probe) {
			p.open = func() {
				p.send(make([]byte, fill))
				close(short)
			}
			p.drain = p.close
		}},
		{"End", func(p *probe) { p.end = func(error) { p.close() } }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProbe(t)
			tt.set(p)
			pl, far := one(t, b, p)
			written := write(far, pattern(100<<10, 8))
			if tt.name == "End" {
				<-written
				far.Close()
			} else {
				if tt.name == "Drain" {
					<-short // nobody reads before
				}
				io.Copy(io.Discard, far) // a reset is as good as the end here
			}
			<-p.closed
			for i := range pl.Loops() {
				settle(t, pl.Loop(i))
			}
		})
	}
}

// testCloseFlushes: what a Write has accepted arrives although Close follows at once.
func testCloseFlushes(t *testing.T, b Backend) {
	p := newProbe(t)
	accepted := make(chan int, 1)
	sent := pattern(48<<10, 9)
	p.open = func() {
		n, err := p.Write(sent)
		if err != nil {
			t.Error(err)
		}
		accepted <- n
		p.close()
	}
	_, far := one(t, b, p)
	got, err := io.ReadAll(far)
	if n := <-accepted; err != nil || !bytes.Equal(got, sent[:n]) {
		t.Errorf("got %d bytes (%v), want the %d accepted", len(got), err, n)
	}
}

func testCloseTwice(t *testing.T, b Backend) {
	p := newProbe(t)
	one(t, b, p)
	settle(t, p.Loop())
	on(t, p.Loop(), func() {
		if p.Closed() {
			t.Error("Closed before Close")
		}
		p.close()
		if !p.Closed() {
			t.Error("not Closed after Close")
		}
		if err := p.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: got %v, want net.ErrClosed", err)
		}
		p.Pause()
		p.Resume()
	})
	settle(t, p.Loop())
}
