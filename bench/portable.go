package bench

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

// portableRead is the read buffer of a connection.
const portableRead = 16 << 10

// portable is the driver of every system: two goroutines per connection over
// package net, under one lock. The goroutine that runs the scenario holds the lock
// except while run waits.
type portable struct {
	g     *generator
	mu    sync.Mutex
	woken chan struct{} // holds one token when step should be called
	wg    sync.WaitGroup
}

// newPortable returns the driver with its lock held.
func newPortable(g *generator) *portable {
	d := &portable{g: g, woken: make(chan struct{}, 1)}
	d.mu.Lock()
	return d
}

// close waits for the goroutines of all connections.
func (d *portable) close() {
	d.mu.Unlock()
	d.wg.Wait()
}

func (d *portable) run(step stepFunc) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := d.g.clock.now()
		wake, done := step(now)
		if done {
			return
		}
		d.mu.Unlock()
		timer.Reset(time.Duration(max(wake-now, 0)))
		select {
		case <-d.woken:
		case <-timer.C:
		}
		d.mu.Lock()
	}
}

// wake has step called soon.
func (d *portable) wake() {
	select {
	case d.woken <- struct{}{}:
	default: // a token is there already
	}
}

func (d *portable) dial(c *conn, from netip.Addr) error {
	ctx, cancel := context.WithCancel(d.g.ctx)
	s := &portableSocket{d: d, c: c, cancel: cancel, out: make(chan []byte, 1)}
	c.sock = s
	d.wg.Add(1)
	go s.read(ctx, from) // ends with the connection; portable.close waits
	return nil
}

// portableSocket is one connection's socket. Its fields belong to the driver's
// lock, except for what the two goroutines read after they were started.
type portableSocket struct {
	d      *portable
	c      *conn
	nc     net.Conn           // nil: not yet connected
	cancel context.CancelFunc // ends the dialling
	out    chan []byte        // what the writer has to write; closed with the socket
	busy   bool               // the writer has something
	ending bool               // a FIN is wanted once the writer is idle
	closed bool
}

// read connects, and then hands what it reads to the connection.
func (s *portableSocket) read(ctx context.Context, from netip.Addr) {
	defer s.d.wg.Done()
	nc, err := s.d.connect(ctx, from)
	if !s.begin(nc, err) {
		return
	}
	buf := make([]byte, portableRead)
	for {
		n, err := nc.Read(buf)
		if !s.took(buf[:n], err) {
			return
		}
	}
}

// begin tells the connection how dialling went, and reports whether to go on.
func (s *portableSocket) begin(nc net.Conn, err error) bool {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	defer s.d.wake()
	now := s.d.g.clock.now()
	switch {
	case err != nil:
		s.c.ended(err, now) // does nothing when the connection was given up
		return false
	case s.closed:
		_ = nc.Close() // nothing was written to it
		return false
	}
	s.nc = nc
	s.d.wg.Add(1)
	go s.write(nc) // ends when out is closed; portable.close waits
	s.c.connected(now)
	return !s.closed
}

// took hands one read to the connection, and reports whether to go on.
func (s *portableSocket) took(b []byte, err error) bool {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	defer s.d.wake()
	if s.closed {
		return false
	}
	now := s.d.g.clock.now()
	if len(b) > 0 {
		s.c.data(b, now)
	}
	if err != nil {
		s.c.ended(err, now)
	}
	return !s.closed
}

// write writes what send was given.
func (s *portableSocket) write(nc net.Conn) {
	defer s.d.wg.Done()
	for p := range s.out {
		_, err := nc.Write(p)
		s.wrote(err)
	}
}

// wrote makes the socket ready for more.
func (s *portableSocket) wrote(err error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	defer s.d.wake()
	s.busy = false
	now := s.d.g.clock.now()
	switch {
	case s.closed:
	case err != nil:
		s.c.ended(err, now)
	default:
		s.c.writable(now)
		if s.ending && !s.busy && !s.closed {
			s.finish()
		}
	}
}

// connect dials, and for wss makes the TLS handshake.
func (d *portable) connect(ctx context.Context, from netip.Addr) (net.Conn, error) {
	dialer := net.Dialer{Timeout: d.g.DialTimeout}
	if from.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	if !d.g.secure {
		return dialer.DialContext(ctx, "tcp", d.g.addr.String())
	}
	config := d.g.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = d.g.hostname
	}
	return (&tls.Dialer{NetDialer: &dialer, Config: config}).DialContext(ctx, "tcp", d.g.addr.String())
}

// send gives p to the writer, which has room for one piece.
func (s *portableSocket) send(p []byte) (int, error) {
	if s.busy {
		return 0, nil
	}
	s.busy = true
	s.out <- p
	return len(p), nil
}

func (s *portableSocket) shut() error {
	s.ending = true
	if s.busy {
		return nil
	}
	return s.finish()
}

// finish sends the FIN.
func (s *portableSocket) finish() error {
	if half, ok := s.nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (s *portableSocket) close(abort bool) {
	if s.closed {
		return
	}
	s.closed = true
	s.cancel()
	close(s.out)
	if s.nc == nil {
		return
	}
	if t, ok := s.nc.(*net.TCPConn); ok && abort {
		_ = t.SetLinger(0) // then it is an orderly end
	}
	_ = s.nc.Close() // whatever it says, the socket is gone
}
