package pollertest

import (
	"bytes"
	"io"
	"testing"
)

// testShortWrite fills the connection until a write is short, lets the peer read, and expects Drain.
func testShortWrite(t *testing.T, b Backend) {
	sent := pattern(fill, 3)
	p := newProbe(t)
	short := make(chan struct{})
	p.open = func() {
		if p.send(sent) == 0 {
			t.Errorf("%d bytes that nobody reads were accepted", fill)
		}
		close(short)
	}
	drained := 0
	p.drain = func() {
		if drained++; p.flush() == 0 {
			p.close()
		}
	}
	_, far := one(t, b, p)
	<-short
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes (%v), want %d", len(got), err, len(sent))
	}
	<-p.closed
	if drained == 0 {
		t.Error("Drain was not called")
	}
}

// testShortWriteElsewhere is the same from another goroutine, in many pieces: the socket may take
// bytes again at any moment, also while the write that was short has not returned.
func testShortWriteElsewhere(t *testing.T, b Backend) {
	sent := pattern(fill, 4)
	p := newProbe(t)
	_, far := one(t, b, p)
	rest := make(chan struct{})
	p.drain = func() { p.flush() }
	go func() {
		defer close(rest)
		for n := 0; n < len(sent); n += 8 << 10 {
			p.send(sent[n : n+8<<10])
		}
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what came is not what was sent (%v)", err)
	}
	<-rest
}

// testShortWriteBeforeOpen has the socket fill and drain while its loop is busy and has not opened
// it: the room that came meanwhile is told all the same.
func testShortWriteBeforeOpen(t *testing.T, b Backend) {
	sent := pattern(fill, 6)
	p := newProbe(t)
	pl := newPoller(t, b)
	release := make(chan struct{})
	for i := range pl.Loops() {
		held := make(chan struct{})
		pl.Loop(i).Do(func() { close(held); <-release })
		<-held
	}
	far := attach(t, b, pl, p, nil)
	waits := p.send(sent)
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(far, got[:len(sent)-waits]); err != nil {
		t.Errorf("what was accepted did not come (%v)", err)
	}
	close(release)
	if _, err := io.ReadFull(far, got[len(sent)-waits:]); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what comes is not what was sent (%v)", err)
	}
}

// testWriteBuffers gathers slices of all sizes, empty ones and more than one call takes.
func testWriteBuffers(t *testing.T, b Backend) {
	var bufs [][]byte
	var want []byte
	for i := range 300 {
		n := i * i % 5000
		if i == 150 {
			n = 3 << 20
		}
		bufs = append(bufs, pattern(n, uint32(i)))
		want = append(want, bufs[i]...)
	}
	p := newProbe(t)
	sent := 0
	step := func() {
		for sent < len(want) {
			n, err := p.WriteBuffers(bufs)
			if err != nil {
				t.Error(err)
			}
			sent += n
			short := false
			for len(bufs) > 0 && (n > 0 || len(bufs[0]) == 0) {
				k := min(n, len(bufs[0]))
				if bufs[0] = bufs[0][k:]; len(bufs[0]) > 0 {
					break
				}
				n -= k
				bufs = bufs[1:]
			}
			short = len(bufs) > 0
			if short {
				return
			}
		}
		p.close()
	}
	p.open, p.drain = step, step
	_, far := one(t, b, p)
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes (%v), want %d", len(got), err, len(want))
	}
}

// testBulk sends much both ways at once, with neither side reading more than it can pass on.
func testBulk(t *testing.T, b Backend) {
	p := newProbe(t)
	p.echo()
	_, far := one(t, b, p)
	sent := pattern(2*fill, 5)
	if got := exchange(t, far, sent); !bytes.Equal(got, sent) {
		t.Error("what came back is not what was sent")
	}
}
