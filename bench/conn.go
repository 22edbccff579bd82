package bench

import (
	"errors"
	"io"
)

// connState is where a connection is in its life.
type connState uint8

const (
	connecting connState = iota // no answer from the network
	upgrading                   // the request is out, the 101 has not come
	open
	closing // we have sent a close frame or a FIN
	gone
)

// maxPongs bounds the pongs that wait for a full socket.
const maxPongs = 1000

// conn is one connection of the generator: its protocol, without a socket's ways.
type conn struct {
	g     *generator
	scene scene
	id    int // dealt in order of dialling, never again
	sock  socket
	state connState

	began int64        // when it was dialled
	key   [keyLen]byte // of its handshake
	head  []byte       // of the answer, while it is incomplete

	in   inbound
	owed int64 // messages that the server has still to send

	optional bool // nobody waits for what is owed to this connection

	slot    int      // the message that goes out next
	off     int      // bytes of its frame that went out
	due     int64    // messages to be sent, the one under way included
	ctl     [][]byte // control frames to be sent at the next boundary
	blocked bool     // the socket was full
	pinged  bool     // a pong is owed
	gotBye  bool     // the server's close frame came
}

// newConn makes a connection that sends and expects frames; nil: neither.
func newConn(g *generator, id int, s scene, f *frames) *conn {
	c := &conn{g: g, id: id, scene: s}
	c.in.frames = f
	if f != nil {
		// Neighbours begin at different messages, so that a server that mixes them up is found out.
		c.setSlot(id * 7 % f.count)
	}
	return c
}

// setSlot makes slot the first message in both directions.
func (c *conn) setSlot(slot int) { c.slot, c.in.slot = slot, slot }

// connected is called by the driver once: the request goes out.
func (c *conn) connected(now int64) {
	c.state = upgrading
	var request []byte
	request, c.key = c.g.handshake.request(&c.g.rng)
	c.ctl = append(c.ctl, request)
	c.flush(now)
}

// data is called by the driver with what was read; b is not kept.
func (c *conn) data(b []byte, now int64) {
	if c.state == upgrading {
		b = c.answer(b, now)
	}
	if len(b) == 0 || c.state == gone {
		return
	}
	n, err := c.in.feed(b, c)
	if c.state == gone {
		return // an answer to a control frame could not be written
	}
	c.owe(-n)
	switch {
	case err != nil:
		c.lose(err, now)
	case c.owed < 0:
		c.lose(c.in.wrong("nobody asked for it"), now)
	case n > 0:
		c.scene.verified(c, n, now)
	}
}

// answer takes bytes of the handshake's answer and returns what lies behind it.
func (c *conn) answer(b []byte, now int64) []byte {
	if c.head != nil {
		c.head = append(c.head, b...)
		b = c.head
	}
	n, err := c.g.handshake.parseAnswer(b, c.key)
	if err != nil {
		c.lose(err, now)
		return nil
	}
	if n == 0 {
		if c.head == nil {
			c.head = append(c.head, b...)
		}
		return nil
	}
	c.head = nil
	c.state = open
	c.g.dialing--
	c.scene.opened(c, now)
	return b[n:]
}

// control answers the control frames of the server.
func (c *conn) control(op byte, payload []byte) error {
	switch op {
	case opPing:
		if len(c.ctl) >= maxPongs {
			return &ProtocolError{"pings come faster than their pongs can leave"}
		}
		c.ctl = append(c.ctl, appendMasked(nil, opPong, payload, c.g.rng.mask()))
		c.flush(c.g.clock.now())
	case opPong:
		if c.pinged { // a server may send a pong that nobody asked for
			c.pinged = false
			c.g.pongs++
		}
	case opClose:
		c.gotBye = true
		if c.state == closing {
			return nil
		}
		e := &ClosedError{Code: closeNoStatus}
		if len(payload) == 1 {
			return &ProtocolError{"a close frame with one byte"}
		}
		if len(payload) >= 2 {
			e.Code, e.Reason = int(payload[0])<<8|int(payload[1]), string(payload[2:])
		}
		return e
	}
	return nil
}

// owe adds n to the messages that the server has to send.
func (c *conn) owe(n int) {
	c.owed += int64(n)
	if !c.optional {
		c.g.owed += int64(n)
	}
}

// push has n further messages sent, each of which the server owes back.
func (c *conn) push(n int, now int64) {
	c.owe(n)
	c.send(n, now)
}

// send has n further messages sent.
func (c *conn) send(n int, now int64) {
	c.due += int64(n)
	if !c.blocked {
		c.flush(now)
	}
}

// writable is called by the driver when a full socket has room again.
func (c *conn) writable(now int64) {
	if c.blocked {
		c.blocked = false
		c.flush(now)
	}
}

// flush sends what waits, control frames at the first boundary.
func (c *conn) flush(now int64) {
	for !c.blocked && c.state != gone {
		piece := c.piece()
		if len(piece) == 0 {
			return
		}
		n, err := c.sock.send(piece)
		if err != nil {
			c.lose(err, now)
			return
		}
		c.blocked = n < len(piece)
		c.took(n)
	}
}

// piece is what goes out next, in one system call.
func (c *conn) piece() []byte {
	if c.off == 0 && len(c.ctl) > 0 {
		return c.ctl[0]
	}
	if c.due == 0 {
		return nil
	}
	f := c.in.frames
	at := c.slot*f.outLen + c.off
	n := min(c.due*int64(f.outLen)-int64(c.off), maxIO, int64(len(f.out)-at))
	if len(c.ctl) > 0 {
		n = min(n, int64(f.outLen-c.off))
	}
	return f.out[at : at+int(n)]
}

// took counts n bytes of the last piece as sent.
func (c *conn) took(n int) {
	if c.off == 0 && len(c.ctl) > 0 {
		c.ctl[0] = c.ctl[0][n:]
		if len(c.ctl[0]) == 0 {
			c.ctl = c.ctl[1:]
		}
		return
	}
	f := c.in.frames
	if f == nil {
		return
	}
	c.off += n
	whole := c.off / f.outLen
	c.off -= whole * f.outLen
	c.due -= int64(whole)
	c.slot = (c.slot + whole) % f.count
}

// ping sends an empty ping.
func (c *conn) ping(now int64) {
	c.pinged = true
	c.ctl = append(c.ctl, appendMasked(nil, opPing, nil, c.g.rng.mask()))
	c.flush(now)
}

// bye begins the closing handshake: a close frame with 1000.
func (c *conn) bye(now int64) {
	c.state = closing
	code := [2]byte{closeNormal >> 8, closeNormal & 0xff}
	c.ctl = append(c.ctl, appendMasked(nil, opClose, code[:], c.g.rng.mask()))
	c.flush(now)
}

// fin ends the outgoing direction without a close frame.
func (c *conn) fin(now int64) {
	c.state = closing
	if err := c.sock.shut(); err != nil {
		c.lose(err, now)
	}
}

// reset ends the connection at once, with a RST.
func (c *conn) reset(now int64) {
	c.drop(true)
	c.scene.lost(c, nil, now)
}

// ended is called by the driver when reading is over: io.EOF, or what went wrong.
func (c *conn) ended(err error, now int64) {
	switch {
	case c.state == closing:
		err = nil
	case errors.Is(err, io.EOF) && c.state == open:
		err = &ClosedError{Code: closeAbnormal}
	case errors.Is(err, io.EOF):
		err = &ProtocolError{"the connection was closed during the handshake"}
	}
	c.lose(err, now)
}

// lose drops the connection and tells its scene.
func (c *conn) lose(err error, now int64) {
	if c.state == gone {
		return
	}
	c.drop(false)
	c.scene.lost(c, err, now)
}

// drop gives the socket back.
func (c *conn) drop(abort bool) {
	if c.state == gone {
		return
	}
	if c.state < open {
		c.g.dialing--
	}
	c.state = gone
	delete(c.g.live, c)
	c.owe(-int(c.owed))
	if c.sock != nil {
		c.sock.close(abort)
	}
}
