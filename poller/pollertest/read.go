package pollertest

import (
	"bytes"
	"io"
	"sync/atomic"
	"testing"
)

func testOrder(t *testing.T, b Backend) {
	p := newProbe(t)
	p.echo()
	_, far := one(t, b, p)
	for i := range 200 {
		sent := pattern(1+i*7, uint32(i))
		if got := exchange(t, far, sent); !bytes.Equal(got, sent) {
			t.Fatalf("exchange %d came back changed", i)
		}
	}
}

func testSplits(t *testing.T, b Backend) {
	p := newProbe(t)
	all := p.collect()
	_, far := one(t, b, p)
	sent := pattern(3000, 1)
	for i := range sent {
		if _, err := far.Write(sent[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	far.Close()
	if got := <-all; !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, want the %d sent one by one", len(got), len(sent))
	}
}

// testOpenFirst: Open comes without the peer having sent anything, and may write.
func testOpenFirst(t *testing.T, b Backend) {
	p := newProbe(t)
	p.open = func() { p.send([]byte("hello")) }
	_, far := one(t, b, p)
	got := make([]byte, 5)
	if _, err := io.ReadFull(far, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q (%v), want hello", got, err)
	}
}

func testEarly(t *testing.T, b Backend) {
	p := newProbe(t)
	all := p.collect()
	far := attach(t, b, newPoller(t, b), p, []byte("early, "))
	if err := <-write(far, []byte("then late")); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if got := string(<-all); got != "early, then late" {
		t.Errorf("got %q, want %q", got, "early, then late")
	}
}

// testEarlyPaused: bytes read before Attach wait for Resume as those of the socket do.
func testEarlyPaused(t *testing.T, b Backend) {
	p := newProbe(t)
	p.open = p.Pause
	all := p.collect()
	pl := newPoller(t, b)
	far := attach(t, b, pl, p, []byte("early"))
	settle(t, p.Loop())
	on(t, p.Loop(), p.Resume)
	far.Close()
	if got := string(<-all); got != "early" {
		t.Errorf("got %q, want early", got)
	}
}

// testEarlyInto: they go where Room says, as those of the socket do.
func testEarlyInto(t *testing.T, b Backend) {
	p := newProbe(t)
	all := p.collect()
	room := make([]byte, 4)
	p.open = func() { p.ReadInto(true) }
	p.room = func() []byte { return room }
	gather := p.data
	p.data = func(b []byte) {
		if &b[0] != &room[0] {
			t.Error("Data is not in the room that was given")
		}
		gather(b)
	}
	far := attach(t, b, newPoller(t, b), p, []byte("early, "))
	if err := <-write(far, []byte("then late")); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if got := string(<-all); got != "early, then late" {
		t.Errorf("got %q, want %q", got, "early, then late")
	}
}

// testReadInto: what Room returns is where the bytes are, and a nil Room is the loop's own buffer.
func testReadInto(t *testing.T, b Backend) {
	sent := pattern(300<<10, 2)
	p := newProbe(t)
	into := make([]byte, len(sent))
	n, asked := 0, 0
	p.open = func() { p.ReadInto(true) }
	p.room = func() []byte {
		if asked++; asked%5 == 0 {
			return nil
		}
		return into[n:min(len(into), n+1+asked*100)]
	}
	all := make(chan []byte, 1)
	p.data = func(b []byte) {
		inside := n < len(into) && &b[0] == &into[n]
		if !inside && asked%5 != 0 {
			t.Error("Data is not in the room that was given")
		}
		n += copy(into[n:], b)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.backlog = append(p.backlog, b...)
	}
	p.end = func(error) {
		all <- p.backlog
		p.close()
	}
	_, far := one(t, b, p)
	if err := <-write(far, sent); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if got := <-all; !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, want the %d sent", len(got), len(sent))
	}
	if asked < 10 {
		t.Errorf("Room was asked %d times", asked)
	}
}

// testFairness: a peer that never stops sending does not keep another from its answer.
func testFairness(t *testing.T, b Backend) {
	b.Options.Loops = 1
	b.Options.TurnBytes = 32 << 10
	pl := newPoller(t, b)
	flooded, polite := newProbe(t), newProbe(t)
	polite.echo()
	flood := attach(t, b, pl, flooded, nil)
	far := attach(t, b, pl, polite, nil)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for block := make([]byte, 64<<10); !stop.Load(); {
			if _, err := flood.Write(block); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range 100 {
		sent := pattern(100, uint32(i))
		if got := exchange(t, far, sent); !bytes.Equal(got, sent) {
			t.Fatal("the answer is wrong")
		}
	}
	stop.Store(true)
	<-done
}
