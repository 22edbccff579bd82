package engine

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// trip is a RoundTrip that waits for its pong.
type trip struct {
	payload [8]byte
	back    chan struct{}
}

var trips atomic.Uint64

// RoundTrip sends a ping of its own and waits for the pong that answers it. It
// is the one method that blocks. A callback of c must not call it: the pong may
// be behind messages that wait for the callback to return. It returns ctx's
// error, ErrBacklogFull, or net.ErrClosed.
func (c *Conn) RoundTrip(ctx context.Context) (time.Duration, error) {
	t := trip{back: make(chan struct{})}
	binary.BigEndian.PutUint64(t.payload[:], trips.Add(1))
	c.mu.Lock()
	if len(c.extend().trips) >= maxControlFrames {
		c.mu.Unlock()
		return 0, ErrBacklogFull
	}
	c.more.trips = append(c.more.trips, t)
	c.mu.Unlock()
	defer c.forget(t)

	start := time.Now()
	if err := c.Ping(t.payload[:]); err != nil {
		return 0, err
	}
	select {
	case <-t.back:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if c.State() == Closed {
		return 0, errClosed
	}
	return time.Since(start), nil
}

// ponged ends the RoundTrip that sent payload, and reports whether there is
// one.
func (c *Conn) ponged(payload []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil || len(payload) != 8 {
		return false
	}
	for i, t := range c.more.trips {
		if t.payload == [8]byte(payload) {
			close(t.back)
			c.more.trips = append(c.more.trips[:i], c.more.trips[i+1:]...)
			return true
		}
	}
	return false
}

// forget takes a RoundTrip that is over off those that wait.
func (c *Conn) forget(t trip) {
	c.ponged(t.payload[:])
}

// endTrips ends the RoundTrips of a connection that is closed. mu is held.
func (m *more) endTrips() {
	for _, t := range m.trips {
		close(t.back)
	}
	m.trips = nil
}
