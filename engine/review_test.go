package engine

import (
	"errors"
	"math"
	"net"
	"testing"
	"time"
)

// TestAnsweredWithBacklog: the time for the upgrade is over once its answer is
// written, whatever waits behind it.
func TestAnsweredWithBacklog(t *testing.T) {
	opened := make(chan *Conn, 1)
	s := usual.serve(t, Handler{Open: func(c *Conn) {
		_ = c.Send(Binary, make([]byte, 16<<20)) // more than the socket takes
		opened <- c
	}}, &Options{MaxUpgradeTime: 200 * time.Millisecond, MaxBacklogBytes: -1})
	p := s.dial()
	p.shake("/")
	c := within(t, "the connection opens", opened)
	eventually(t, "the backlog stands", func() bool { return c.Backlog() > 0 })
	l := c.loop()
	begun := l.core.clock.ticks.Load()
	eventually(t, "the time for the upgrade is over", func() bool { return l.core.clock.ticks.Load()-begun > 8 })
	if got := c.State(); got != Open {
		t.Errorf("the connection is %v", got)
	}
}

// TestPingsAfterClose: once we close, a peer's pings are no callbacks any more,
// and nothing of them is kept.
func TestPingsAfterClose(t *testing.T) {
	block, blocked := make(chan struct{}), make(chan *Conn, 1)
	s := usual.serve(t, Handler{
		Message: func(c *Conn, _ Message) {
			_ = c.Close(StatusNormalClosure, "")
			blocked <- c
			<-block
		},
		Ping: func(*Conn, []byte) { t.Error("Ping is called after Close") },
	}, &Options{MaxControlsPerSecond: -1})
	defer close(block)
	p := s.dial()
	p.shake("/")
	p.sendText("x")
	c := within(t, "the message comes", blocked)
	before := s.Metrics().PingsIn
	for range 1000 {
		p.send(opPinged, nil)
	}
	eventually(t, "the pings are read", func() bool { return s.Metrics().PingsIn == before+1000 })
	if n := c.line.Depth(); n > 2 {
		t.Errorf("%d callbacks wait", n)
	}
}

func TestLongestDurations(t *testing.T) {
	for d, want := range map[time.Duration]uint32{0: 0, 1: 1, tick: 1, tick + 1: 2, math.MaxInt64: 1 << 30} {
		if got := ticks(d); got != want {
			t.Errorf("%v is %d ticks, want %d", d, got, want)
		}
	}
}

// TestServeEndsWithItsListener: Serve does not wait for a listener that the
// program has closed.
func TestServeEndsWithItsListener(t *testing.T) {
	home(t)
	s, err := New(Handler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	ln.Close()
	if err := within(t, "Serve returns", ended); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

// TestConflateKeepsToTheBound: newer messages of keys that wait don't lift the
// bound by being larger.
func TestConflateKeepsToTheBound(t *testing.T) {
	const keys, limit = 100, 1 << 16
	var topic Topic
	opened := make(chan *Conn, 1)
	s := rig{inline: true, loops: 1, door: listened}.serve(t, Handler{Open: func(c *Conn) {
		if err := topic.SubscribeWith(c, SubscribeOptions{Overflow: Conflate}); err != nil {
			t.Error(err)
		}
		opened <- c
	}}, &Options{MaxBacklogBytes: limit})
	p := s.dial()
	p.shake("/")
	c := within(t, "the connection opens", opened)
	publish := func(key int, data []byte) {
		topic.PublishWith(Binary, data, PublishOptions{Key: string(rune('a' + key))})
	}
	eventually(t, "the socket is full", func() bool { // it reads nothing
		publish(0, make([]byte, limit/2))
		return c.Backlog() > 0
	})
	for key := range keys {
		publish(1+key, make([]byte, 10))
	}
	eventually(t, "it is closed for being slow", func() bool { // the kernel's buffers may still grow
		for key := range keys {
			publish(1+key, make([]byte, limit/2))
		}
		return c.State() >= Closing
	})
	if n := c.Backlog(); n > 3*limit {
		t.Errorf("%d bytes wait, the bound is %d", n, limit)
	}
}
