package engine

import (
	"github.com/weirws/weir/codec"
	"github.com/weirws/weir/engine/internal/sendq"
)

// Ping sends a ping with up to 125 bytes of payload, which are copied. It may
// be called from any goroutine and does not block.
func (c *Conn) Ping(payload []byte) error { return c.control(codec.OpPing, payload) }

// Pong sends an unsolicited pong with up to 125 bytes of payload, which are
// copied: RFC 6455, 5.5.3. Pings are answered by themselves. It may be called
// from any goroutine and does not block.
func (c *Conn) Pong(payload []byte) error { return c.control(codec.OpPong, payload) }

func (c *Conn) control(op codec.OpCode, payload []byte) error {
	if len(payload) > maxControlBytes {
		return ErrTooBig
	}
	c.mu.Lock()
	if c.state != Open {
		c.mu.Unlock()
		return errClosed
	}
	if c.out != nil && c.out.Controls() >= maxControlFrames {
		c.mu.Unlock()
		return ErrBacklogFull
	}
	c.enqueue(op, true, false, payload, sendq.Terms{Class: sendq.Control})
	c.depart()
	return nil
}

// answerPing sends the pong that a ping asks for, until the peer has closed:
// RFC 6455, 5.5.2. While the socket takes nothing only the newest waits: 5.5.3.
func (c *Conn) answerPing(payload []byte) {
	c.mu.Lock()
	if c.state != Open && (c.state != Closing || c.got || c.linger || c.broken || c.killed) {
		c.mu.Unlock()
		return
	}
	class := sendq.Control
	if c.blocked {
		class = sendq.Pong
	}
	c.enqueue(codec.OpPong, true, false, payload, sendq.Terms{Class: class})
	c.depart()
}
