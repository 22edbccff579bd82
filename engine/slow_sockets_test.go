package engine

import (
	"crypto/tls"
	"net"
	"testing"
	"time"
)

// openSmall opens a connection on path whose socket takes little.
func (s *running) openSmall(path string) (*peer, *Conn) {
	s.t.Helper()
	known := map[*Conn]bool{}
	for c := range s.Conns() {
		known[c] = true
	}
	p := s.dial()
	nc := p.nc
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	if err := nc.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		s.t.Fatal(err)
	}
	p.shake(path)
	var found *Conn
	eventually(s.t, "it is open", func() bool {
		for c := range s.Conns() {
			if !known[c] {
				found = c
			}
		}
		return found != nil
	})
	return p, found
}

// On every back end and with TLS too: who takes a byte now and then is closed with 1013 by the time that messages wait.
func TestHostile59OnSockets(t *testing.T) {
	for _, r := range bothEnds() {
		t.Run(r.String(), func(t *testing.T) {
			h, ended := ends(Handler{})
			s := r.serve(t, Handler{}, &Options{MaxBacklogAge: time.Second, MaxBacklogBytes: -1, CloseTimeout: 100 * time.Millisecond})
			s.Handle("/slow", s.rules.hold(h))
			s.Handle("/good", s.rules.hold(echo))
			w := s.witnesses("/good")
			p, c := s.openSmall("/slow")
			for range 32 { // more than any system takes
				if err := c.Send(Binary, blob(1<<20)); err != nil {
					t.Fatal(err)
				}
			}
			b := make([]byte, 1)
			eventually(t, "it is closed", func() bool {
				_, _ = p.br.Read(b) // its end is what is waited for
				return len(ended) > 0
			})
			if e := <-ended; e.Code != StatusTryAgainLater || e.Peer {
				t.Errorf("got %+v", e)
			}
			if n := s.Metrics().Slow; n != 1 {
				t.Errorf("%d were too slow, want 1", n)
			}
			w.alive(t)
		})
	}
}

// Unfinished messages within TLS, of which the budget holds few: some are given up, and the others live.
func TestHostile33TLS(t *testing.T) {
	const size = 1 << 18
	s := secureRig.serve(t, echo, &Options{MemoryBudget: testBudget, MaxMessageBytes: size, CloseTimeout: 100 * time.Millisecond})
	w := witnesses(s)
	var peers []*peer
	for range 60 {
		peers = append(peers, s.open())
	}
	begun := maskedFrame(0x02, blob(size-1))
	for _, p := range peers {
		go func() { _, _ = p.nc.Write(begun) }() // it may be cut off, or not be read
	}
	high := int64(0)
	eventually(t, "some are given up", func() bool {
		m := s.Metrics()
		high = max(high, m.Memory)
		return m.Shed > 0
	})
	if high > testBudget*11/10 {
		t.Errorf("%d bytes were held", high)
	}
	w.alive(t)
	for _, p := range peers { // not by the alert of TLS, which waits behind what the server does not read
		p.nc.(*tls.Conn).NetConn().Close()
	}
	// While the budget is used up nobody is read, and one that has gone is found when it is given up for being stuck.
	for end := time.Now().Add(6 * patience); s.Metrics().Sockets > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	s.idle()
}
