package engine

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Sockets close and open, so that descriptors are used again, while goroutines that hold a Conn go on writing to it: no
// byte reaches a connection that it was not meant for.
func TestHostile69DescriptorsReused(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		var live sync.Map // *Conn, also for a while after its end
		s := r.serve(t, Handler{
			Open: func(c *Conn) {
				c.Send(Binary, stamp(0, int(c.ID())))
				live.Store(c, true)
			},
			Message: func(c *Conn, m Message) { c.Send(m.Kind, m.Data) },
		}, nil)
		times := choose(r.tls, 20, 60) // its handshakes take long
		stop := make(chan struct{})
		var writers, dialers sync.WaitGroup
		for range 2 {
			writers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					n := 0
					live.Range(func(k, _ any) bool {
						c := k.(*Conn)
						err := c.Send(Binary, append(stamp(1, int(c.ID())), make([]byte, n%3*6000)...))
						if errors.Is(err, net.ErrClosed) && n%7 == 0 {
							live.Delete(c)
						}
						n++
						return n < 100
					})
				}
			})
		}
		var frames atomic.Int64
		for d := range 4 {
			dialers.Go(func() {
				for i := range times {
					tcp, err := net.Dial("tcp", s.addr)
					if err != nil {
						t.Error(err)
						return
					}
					nc := tcp
					if r.tls {
						nc = tls.Client(tcp, clientTLS(t))
					}
					_ = nc.SetDeadline(time.Now().Add(patience)) // reads tell
					p := newPeer(t, nc)
					_, _ = nc.Write([]byte(ask("/")))
					storm(p, &frames, i%5)
					if (i+d)%3 == 0 {
						_ = tcp.(*net.TCPConn).SetLinger(0) // a RST
					}
					nc.Close()
				}
			})
		}
		dialers.Wait()
		close(stop)
		writers.Wait()
		s.idle()
		if frames.Load() < int64(4*times) {
			t.Errorf("only %d frames were looked at", frames.Load())
		}
	})
}

// storm reads the answer and some frames, all of which must bear the number of the first.
func storm(p *peer, frames *atomic.Int64, more int) {
	line, err := p.br.ReadString('\n')
	if err != nil || line != "HTTP/1.1 101 Switching Protocols\r\n" {
		p.t.Errorf("got %q, %v", line, err)
		return
	}
	for line != "\r\n" {
		if line, err = p.br.ReadString('\n'); err != nil {
			p.t.Error(err)
			return
		}
	}
	first, err := p.next()
	if err != nil || len(first.payload) != 8 || first.payload[3] != 0 {
		p.t.Errorf("got %v, %v", first, err)
		return
	}
	frames.Add(1)
	for range more {
		f, err := p.next()
		if err != nil {
			p.t.Error(err)
			return
		}
		frames.Add(1)
		if len(f.payload) < 8 || string(f.payload[4:8]) != string(first.payload[4:8]) {
			p.t.Errorf("connection %x got %v", first.payload, f)
			return
		}
	}
}
