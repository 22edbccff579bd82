package engine

import "context"

// Context returns a context that lives as long as c: it ends when the socket is
// closed, and its cause is the [*CloseError] that Close gets. It is made by the
// first call, and has no deadline and no values. It follows c and does not lead
// it: nothing that is done to a context closes c. It may be called from any
// goroutine and does not block.
func (c *Conn) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.extend()
	if m.ctx == nil {
		m.ctx, m.done = context.WithCancelCause(context.Background())
		if c.state == Closed {
			m.done(m.end)
		}
	}
	return m.ctx
}
