package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// shedRead wants a reader to be told that its connection was closed for memory.
func shedRead(t *testing.T, err error) {
	t.Helper()
	var e *CloseError
	if !errors.As(err, &e) || e.Code != StatusTryAgainLater || e.Peer || e.Err != ErrMemory || !errors.Is(err, net.ErrClosed) {
		t.Errorf("the reader is told %v", err)
	}
}

func stillOpen(all []*Stream) (n int) {
	for _, s := range all {
		if s.c.State() == Open {
			n++
		}
	}
	return n
}

// What a Stream has received and nobody has read is its burden: those that hold the most of it for the longest are closed
// with 1013 when the budget is used up, and the others read all that came.
func TestHostile33Unread(t *testing.T) {
	const each, size = 4, 30_000 // no message is large enough to be given up while it comes
	var streams []*Stream
	h := Handler{Open: func(c *Conn) { streams = append(streams, c.Stream()) }}
	gather(t, h, roomy(), func(cr *crowd) {
		streams = nil
		var peers []*peer
		for range 100 {
			p, _ := cr.open()
			peers = append(peers, p)
		}
		for _, p := range peers {
			go func() {
				for range each {
					if _, err := p.nc.Write(maskedFrame(0x82, blob(size))); err != nil {
						return
					}
				}
			}()
			time.Sleep(tick)
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		m := cr.s.Metrics()
		if m.Memory > testBudget || m.Shed == 0 || m.Shed == uint64(len(streams)) {
			t.Fatalf("%d bytes are held, %d connections of %d are closed", m.Memory, m.Shed, len(streams))
		}
		first, last := stillOpen(streams[:20]), stillOpen(streams[80:])
		if first != 0 || last < 15 {
			t.Errorf("of the first 20 that sent %d are open, of the last 20 %d", first, last)
		}
		shed, whole, b := 0, 0, make([]byte, each*size)
		for i, s := range streams { // those that send on meanwhile may be closed for others
			got, err := 0, error(nil)
			for n := 0; got < each*size && err == nil; got += n {
				n, err = s.Read(b[got:])
			}
			switch {
			case err == nil:
				whole++
			case s.c.State() == Open:
				t.Errorf("connection %d, after %d bytes: %v", i, got, err)
			default:
				shed++
				shedRead(t, err)
			}
		}
		if m := cr.s.Metrics(); uint64(shed) != m.Shed || whole < last/2 {
			t.Errorf("%d are closed, %d are counted, %d were read", shed, m.Shed, whole)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, c := range streams {
			if c.c.watched || c.in.held.Load() != 0 {
				t.Error("a connection of which all was read is watched")
			}
		}
		for _, p := range peers {
			p.nc.Close()
		}
	})
}

// The same for Sockets, whose peers are told why.
func TestHostile33UnreadSockets(t *testing.T) {
	const each = 4
	for _, inline := range []bool{false, true} {
		t.Run(choose(inline, "inline", "workers"), func(t *testing.T) {
			url, accepted := acceptor(t, &Options{Loops: 2, Inline: inline, MemoryBudget: testBudget})
			h, ended := ends(Handler{})
			cl := rig{loops: 1}.client(t, h, nil)
			var conns []*Conn
			var socks []*Socket
			for range 100 {
				c, err := cl.Dial(t.Context(), url, nil)
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
				socks = append(socks, within(t, "Accept", accepted))
			}
			for _, c := range conns {
				for range each {
					_ = c.Send(Binary, blob(50_000)) // it may be closed already
				}
			}
			co := socks[0].c.route.core
			eventually(t, "the budget holds", func() bool { m := co.metrics(); return m.Shed > 0 && m.Memory <= testBudget })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var told atomic.Int32
			var readers sync.WaitGroup
			for _, s := range socks { // at once: one that is held back goes on when others are read
				readers.Go(func() {
					for range each {
						m, err := s.Read(ctx)
						if err != nil {
							shedRead(t, err)
							told.Add(1)
							return
						}
						if len(m.Data) != 50_000 {
							t.Errorf("a message of %d bytes", len(m.Data))
						}
					}
				})
			}
			readers.Wait()
			shed := int(told.Load())
			if m := co.metrics(); m.Shed != uint64(shed) || shed == len(socks) {
				t.Errorf("%d readers of %d are told of the end, %d are counted", shed, len(socks), m.Shed)
			}
			for range shed {
				if e := within(t, "Close", ended); e.Code != StatusTryAgainLater || !e.Peer {
					t.Errorf("the peer is told %v", e)
				}
			}
		})
	}
}

// Small messages that a worker hands on lie in memory that they share: that is unread once, and not once for each.
func TestUnreadOfShared(t *testing.T) {
	const each, size = 100, 10
	streams := make(chan *Stream, 1)
	gather(t, Handler{Open: func(c *Conn) { streams <- c.Stream() }}, Options{}, func(cr *crowd) {
		p, _ := cr.open()
		s := <-streams
		var all []byte
		for range each {
			all = append(all, maskedFrame(0x82, blob(size))...)
		}
		p.write(all)
		synctest.Wait()
		if held, memory := s.in.held.Load(), cr.memory(); held < each*size || held > memory {
			t.Errorf("%d bytes of %d messages are unread, in %d of memory", held, each, memory)
		}
		if _, err := io.ReadFull(s, make([]byte, each*size)); err != nil {
			t.Error(err)
		}
		if held := s.in.held.Load(); held != 0 {
			t.Errorf("%d bytes are unread when all was read", held)
		}
		p.nc.Close()
	})
}
