package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/pool"
)

// trip is a RoundTrip that waits for its pong.
type trip struct {
	payload [8]byte
	back    chan struct{}
}

var trips atomic.Uint64

// RoundTrip sends a ping of its own and waits for the pong that answers it. It
// is the one method that blocks. A callback of c is refused with an error at once:
// the pong may be behind messages that wait for the callback to return; and with
// Inline the callbacks of all connections of its loop, which reads none meanwhile.
// It returns ctx's error, ErrBacklogFull, or net.ErrClosed.
func (c *Conn) RoundTrip(ctx context.Context) (time.Duration, error) {
	if c.called() {
		return 0, errCallback
	}
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

var errCallback = errors.New("engine: RoundTrip in a callback, which its pong may wait for")

// called reports whether the caller is a callback that c's input may wait for.
func (c *Conn) called() bool {
	if !c.route.core.Inline {
		return c.line.Mine()
	}
	l := c.sock.Loop()
	return l != nil && l.Value.(*loop).goroutine.Load() == pool.Goroutine()
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
