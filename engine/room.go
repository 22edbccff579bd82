package engine

import "context"

// roomy reports whether a writer that waits for its peer may go on. mu is held.
func (c *Conn) roomy() bool {
	return c.out == nil || c.out.Bytes() < aheadBytes && !c.laden(c.manner())
}

// awaitTurn waits until w may send: what waits for the socket is little, and no
// message but w's own is being sent in fragments. It returns with mu held, or
// with an error: net.ErrClosed, ctx's, or os.ErrDeadlineExceeded.
func (c *Conn) awaitTurn(ctx context.Context, until *deadline, w *Writer) error {
	for {
		if err := waited(ctx, until); err != nil {
			return err
		}
		c.mu.Lock()
		if c.state != Open {
			c.mu.Unlock()
			return errClosed
		}
		m := c.extend()
		if c.roomy() && (!c.fragmented || m.writer == w) {
			return nil
		}
		if m.room == nil {
			m.room = make(chan struct{})
		}
		room := m.room
		c.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		case <-until.passed():
		}
	}
}

// tellRoom wakes those in awaitTurn if there is something for them. mu is held.
func (c *Conn) tellRoom() {
	if c.more == nil || c.more.room == nil {
		return
	}
	if c.state != Open || c.roomy() {
		close(c.more.room)
		c.more.room = nil
	}
}
