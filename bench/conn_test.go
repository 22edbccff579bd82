package bench

import (
	"errors"
	"testing"
)

// openConn is a connection that is open on a socket with room bytes.
func openConn(room int) *conn {
	g := &generator{clock: newClock(), rng: 1, live: make(map[*conn]struct{})}
	c := newConn(g, 0, strict{g}, newFrames(8, false, 1))
	c.sock, c.state = &trickle{chunk: room, room: room}, open
	return c
}

// A pong that nobody asked for is legal, and answers no ping.
func TestUnaskedPong(t *testing.T) {
	c := openConn(1000)
	for _, ping := range []bool{false, true} {
		if ping {
			c.ping(0)
		}
		for range 3 {
			if err := c.control(opPong, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.g.pongs != 1 {
		t.Errorf("got %d answers to 1 ping", c.g.pongs)
	}
}

// A server that pings and does not read must not fill the generator's memory.
func TestPingFlood(t *testing.T) {
	c := openConn(0)
	for i := range 2 * maxPongs {
		if err := c.control(opPing, nil); err != nil {
			var broken *ProtocolError
			if i < maxPongs-1 || !errors.As(err, &broken) {
				t.Errorf("got %v after %d pings", err, i)
			}
			return
		}
	}
	t.Errorf("%d pongs are waiting", len(c.ctl))
}

func TestCloseFrame(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload []byte
		want    error
	}{
		{"empty", nil, &ClosedError{Code: closeNoStatus}},
		{"code", []byte{3, 233}, &ClosedError{Code: 1001}},
		{"reason", []byte("\x03\xe8bye"), &ClosedError{Code: 1000, Reason: "bye"}},
		{"one byte", []byte{3}, &ProtocolError{"a close frame with one byte"}},
	} {
		if err := openConn(0).control(opClose, test.payload); err == nil || err.Error() != test.want.Error() {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	c := openConn(0)
	c.state = closing
	if err := c.control(opClose, nil); err != nil || !c.gotBye {
		t.Errorf("got %v, want the end of a closing handshake", err)
	}
}

// What a lost connection was owed is owed no more, whatever came with its last read.
func TestLostOwesNothing(t *testing.T) {
	c := openConn(1000)
	c.push(3, 0)
	f := c.in.frames
	b := append([]byte(nil), f.in[:f.inLen]...)
	b = append(b, bitFin|bitsRSV|opBinary, 0)
	c.data(b, 0)
	if c.state != gone || c.g.owed != 0 || c.g.err == nil {
		t.Errorf("state %v, %d are owed, %v; want a lost connection that is owed nothing", c.state, c.g.owed, c.g.err)
	}
}
