package bench

import (
	"errors"
	"testing"
)

// noControls fails a test that meets a close frame; pings and pongs it lets pass.
type noControls struct{}

var errClose = errors.New("a close frame")

func (noControls) control(op byte, _ []byte) error {
	if op == opClose {
		return errClose
	}
	return nil
}

// wire is n messages of f as a server sends them, from slot on.
func wire(f *frames, slot, n int) (b []byte) {
	for i := range n {
		at := (slot + i) % f.count * f.inLen
		b = append(b, f.in[at:at+f.inLen]...)
	}
	return b
}

func TestInboundAnySplit(t *testing.T) {
	for _, size := range []int{0, 1, 32, 125, 126, 300} {
		f := newFrames(size, false, 7)
		slot := f.count - 2 // across the end
		b := wire(f, slot, 4)
		for first := range len(b) + 1 {
			for second := first; second <= len(b); second += 1 + size/20 {
				in := inbound{frames: f, slot: slot}
				got := 0
				for _, part := range [][]byte{b[:first], b[first:second], b[second:]} {
					n, err := in.feed(part, noControls{})
					if err != nil {
						t.Fatalf("size %d, split at %d and %d: %v", size, first, second, err)
					}
					got += n
				}
				if got != 4 || in.seen != 4 || in.off != 0 {
					t.Fatalf("size %d, split at %d and %d: got %d messages, seen %d, %d bytes over, want 4",
						size, first, second, got, in.seen, in.off)
				}
			}
		}
	}
}

// FuzzInbound: any split of a right stream gives all of its messages, and with one
// byte changed the message that it belongs to is never taken for right.
func FuzzInbound(f *testing.F) {
	f.Add(uint16(3), uint16(40), uint16(17), byte(0x10))
	f.Add(uint16(38), uint16(1), uint16(0), byte(0x80))
	f.Add(uint16(0), uint16(500), uint16(1), byte(0x01))
	msgs := newFrames(32, false, 3)
	clean := wire(msgs, 0, 8)
	f.Fuzz(func(t *testing.T, cut, step, at uint16, flip byte) {
		if got, err := feedCut(msgs, clean, int(cut), int(step)); got != 8 || err != nil {
			t.Fatalf("got %d messages and %v, want 8", got, err)
		}
		if flip == 0 {
			return
		}
		spoilt := append([]byte(nil), clean...)
		i := int(at) % len(spoilt)
		spoilt[i] ^= flip
		got, _ := feedCut(msgs, spoilt, int(cut), int(step))
		if bad := i / msgs.inLen; got > bad {
			t.Fatalf("byte %d of message %d was changed, and %d messages were right", i%msgs.inLen, bad, got)
		}
	})
}

// feedCut feeds b in pieces: the first of cut bytes, the others of step bytes.
func feedCut(f *frames, b []byte, cut, step int) (got int, err error) {
	in := inbound{frames: f}
	for size := cut; len(b) > 0; size = max(step, 1) {
		part := b[:min(size, len(b))]
		n, err := in.feed(part, noControls{})
		got += n
		if err != nil {
			return got, err
		}
		b = b[len(part):]
	}
	return got, nil
}

// takeAll is a socket that takes everything.
type takeAll struct{ bytes int }

func (s *takeAll) send(p []byte) (int, error) { s.bytes += len(p); return len(p), nil }
func (s *takeAll) shut() error                { return nil }
func (s *takeAll) close(bool)                 {}

// The generator allocates nothing for a message.
func TestMessageAllocatesNothing(t *testing.T) {
	g := &generator{clock: newClock()}
	s := &echoScene{strict: strict{g}, meter: newMeter(g, "message"), inFlight: 4, times: make([]int64, 4)}
	s.meter.on = true
	f := newFrames(32, false, 1)
	c := newConn(g, 0, s, f)
	socket := &takeAll{}
	c.sock, c.state = socket, open
	s.launch(c, 4, 0)
	slot := 0
	allocs := testing.AllocsPerRun(2*f.count, func() {
		at := slot * f.inLen
		c.data(f.in[at:at+f.inLen], 1000)
		slot = (slot + 1) % f.count
	})
	if allocs != 0 {
		t.Errorf("got %v allocations per message, want 0", allocs)
	}
	if want := (4 + 2*f.count + 1) * f.outLen; c.owed != 4 || socket.bytes != want {
		t.Errorf("%d messages are owed and %d bytes were sent, want 4 and %d", c.owed, socket.bytes, want)
	}
}

// trickle is a socket that takes a few bytes at a time.
type trickle struct {
	takeAll
	got   []byte
	chunk int
	room  int
}

func (s *trickle) send(p []byte) (int, error) {
	n := min(s.chunk, len(p), s.room)
	s.room -= n
	s.got = append(s.got, p[:n]...)
	return n, nil
}

// Control frames go out between messages, however the socket cuts them.
func TestFlushControlAtBoundary(t *testing.T) {
	for chunk := 1; chunk < 60; chunk++ {
		g := &generator{clock: newClock(), rng: 1}
		c := newConn(g, 0, strict{g}, newFrames(20, false, 1))
		socket := &trickle{chunk: chunk, room: 10}
		c.sock, c.state = socket, open
		c.push(3, 0)
		if err := c.control(opPing, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		for socket.room = 1 << 20; c.blocked; {
			c.writable(0)
		}
		f := c.in.frames
		pong := len(appendMasked(nil, opPong, []byte("hello"), [4]byte{}))
		if want := 3*f.outLen + pong; len(socket.got) != want {
			t.Fatalf("chunks of %d: %d bytes were sent, want %d", chunk, len(socket.got), want)
		}
		// The first message was under way when the pong was due: it comes behind it.
		if got := socket.got[f.outLen]; got != bitFin|opPong {
			t.Errorf("chunks of %d: behind the first message comes 0x%02x, want a pong", chunk, got)
		}
	}
}
