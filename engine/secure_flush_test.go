package engine

import "testing"

// Ciphertext may be flushed while a reader goes on, and then the socket owes no Drain: what else waits must not wait for
// one.
func TestTLSFlushUnblocks(t *testing.T) {
	s := rig{inline: true, loops: 1, door: listened, tls: true}.serve(t, Handler{}, &Options{MaxBacklogBytes: 32 << 20})
	p := s.open()
	c := s.only()
	const size = 8 << 20
	if err := c.Send(Binary, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	blocked := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.blocked && c.secured().pump.Waiting() > 0
	}
	eventually(t, "the socket is full", blocked)
	held, still := make(chan struct{}), make(chan bool, 1)
	c.loop().poll.Do(func() { // no Drain is heeded meanwhile
		close(held)
		flushed := until(func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.secured().flush()
			return c.secured().pump.Waiting() == 0
		})
		c.mu.Lock()
		defer c.mu.Unlock()
		still <- !flushed || c.blocked
	})
	<-held
	f, err := p.next()
	if err != nil || len(f.payload) != size {
		t.Errorf("got %v, %v", f, err)
	}
	if within(t, "the flush", still) {
		t.Error("the connection still waits for its socket")
	}
}
