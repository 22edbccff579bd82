package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The receive buffer and the segments of a stalled reader: the less the kernels hold
// for it, the sooner its server does. Linux sizes the other side's send buffer by the
// segments.
const (
	stalledReadBytes    = 4 << 10
	stalledSegmentBytes = 1 << 10
)

// stalled are connections that shake hands and read nothing.
type stalled struct {
	mu    sync.Mutex // guards the following
	conns []net.Conn
	err   error
}

// stall opens n of them, some at a time. It blocks until all are open or one failed.
func (g *generator) stall(n int) (*stalled, error) {
	s := new(stalled)
	var dialing sync.WaitGroup
	room := make(chan struct{}, g.Dialing)
	for range n {
		room <- struct{}{}
		request, key := g.handshake.request(&g.rng)
		dialing.Go(func() {
			defer func() { <-room }()
			s.add(g.stallOne(g.ctx, request, key))
		})
	}
	dialing.Wait()
	if s.err != nil {
		s.close()
		return nil, fmt.Errorf("bench: a stalled reader: %w", s.err)
	}
	return s, nil
}

func (s *stalled) add(nc net.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
		return
	}
	s.conns = append(s.conns, nc)
}

// stallOne opens one.
func (g *generator) stallOne(ctx context.Context, request []byte, key [keyLen]byte) (net.Conn, error) {
	d := net.Dialer{Timeout: g.DialTimeout, Control: shallow}
	nc, err := d.DialContext(ctx, "tcp", g.addr.String())
	if err != nil {
		return nil, err
	}
	if err := g.shakeStalled(nc, request, key); err != nil {
		_ = nc.Close() // the error that matters is err
		return nil, err
	}
	return nc, nil
}

// shakeStalled reads the answer and not a byte more.
func (g *generator) shakeStalled(nc net.Conn, request []byte, key [keyLen]byte) error {
	if err := nc.SetDeadline(time.Now().Add(g.DialTimeout)); err != nil {
		return err
	}
	if _, err := nc.Write(request); err != nil {
		return err
	}
	var head []byte
	for {
		var b [1]byte
		if _, err := nc.Read(b[:]); err != nil {
			return err
		}
		head = append(head, b[0])
		if n, err := g.handshake.parseAnswer(head, key); n > 0 || err != nil {
			return err
		}
	}
}

// close resets them, so that no port waits in TIME_WAIT.
func (s *stalled) close() {
	for _, nc := range s.conns {
		_ = nc.(*net.TCPConn).SetLinger(0) // the server may have closed it
		_ = nc.Close()
	}
}

var errStalledTLS = errors.New("bench: Stalled readers need a ws:// URL")
