package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Shutdown tells every connection 1001, waits for their ends, and refuses what is new.
func TestShutdown(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		h, ended := ends(echo)
		s := r.serve(t, h, nil)
		const n = 700 // more than a batch of any kind
		peers := make([]*peer, n)
		for i := range peers {
			peers[i] = s.open()
		}
		eventually(t, "all are open", func() bool { return s.Metrics().Conns == n })
		var all sync.WaitGroup
		for _, p := range peers {
			all.Go(func() {
				f, err := p.next()
				if err != nil || f.op != opClosed || string(f.payload) != string(closePayload(1001, "")) {
					t.Errorf("got %v, %v", f, err)
				}
				_, _ = p.nc.Write(maskedFrame(0x88, closePayload(1001, "")))
				if _, err := p.next(); err == nil {
					t.Error("more behind the closing frame")
				}
				p.nc.Close()
			})
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		all.Wait()
		for range n {
			if e := within(t, "Close", ended); e.Code != 1001 || e.Peer || !e.Clean || !errors.Is(e, ErrServerClosed) {
				t.Errorf("got %+v", e)
			}
		}
		if nc, err := net.Dial("tcp", s.addr); err == nil {
			nc.Close()
			t.Error("the port still accepts")
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error("a second time:", err)
		}
	})
}

// Peers that are stalled, or say nothing, are cut off when the context ends.
func TestHostile76ShutdownWithStalledPeers(t *testing.T) {
	eachEnd(t, func(t *testing.T, r rig) {
		h, ended := ends(Handler{})
		s := r.serve(t, h, &Options{CloseTimeout: time.Hour, MaxBacklogBytes: -1})
		for range 20 {
			s.open()
		}
		eventually(t, "all are open", func() bool { return s.Metrics().Conns == 20 })
		for c := range s.Conns() {
			for range 10 {
				c.Send(Binary, blob(1<<20))
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		s.Close()
		for range 20 {
			if e := within(t, "Close", ended); e.Code != 1001 || e.Clean {
				t.Errorf("got %+v", e)
			}
		}
	})
}

// CloseTimeout ends Shutdown without a deadline of its own.
func TestShutdownCloseTimeout(t *testing.T) {
	h, ended := ends(Handler{})
	s := usual.serve(t, h, &Options{CloseTimeout: 100 * time.Millisecond})
	s.open()
	s.only()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if e := within(t, "Close", ended); e.Code != 1001 || e.Clean {
		t.Errorf("got %+v", e)
	}
}

// A callback that blocks holds up Shutdown until the context ends, not longer.
func TestShutdownWithBlockedCallback(t *testing.T) {
	gate, open := newGate()
	s := usual.serve(t, Handler{Message: func(*Conn, Message) { <-gate }}, nil)
	t.Cleanup(open)
	p := s.open()
	p.sendText("x")
	eventually(t, "the callback runs", func() bool { return s.Metrics().MessagesIn == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

// Upgrades that were under way when Shutdown began are refused, closed or told 1001: none is left.
func TestShutdownDuringUpgrades(t *testing.T) {
	for range 20 {
		s := usual.serve(t, Handler{Upgrade: func(*Request) (any, error) { return nil, nil }}, nil)
		var all sync.WaitGroup
		var dialled atomic.Int32
		for range 20 {
			all.Go(func() {
				nc, err := net.Dial("tcp", s.addr)
				if err != nil {
					return
				}
				defer nc.Close()
				dialled.Add(1)
				_, _ = nc.Write([]byte(ask("/")))
				for b := make([]byte, 1000); err == nil; {
					_ = nc.SetReadDeadline(time.Now().Add(patience)) // the read tells
					var n int
					if n, err = nc.Read(b); n > 2 && b[n-4] == 0x88 { // our closing frame is the last that comes
						_, _ = nc.Write(maskedFrame(0x88, nil))
					}
				}
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Error("a connection was left open")
				}
			})
		}
		eventually(t, "some have connected", func() bool { return dialled.Load() > 5 })
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

// A request that net/http gave in while the Server closes gets 503 or the end.
func TestUpgradeAfterClose(t *testing.T) {
	for _, d := range []door{attached, handed} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, nil)
		s.Close()
		p := s.dial()
		p.write([]byte(ask("/")))
		p.refused(503)
	}
	s := usual.make(t, echo, nil)
	s.Close()
	if _, err := s.Listen("127.0.0.1:0"); err != ErrServerClosed {
		t.Errorf("Listen: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); !errors.Is(err, ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("Serve has not taken the listener over")
	}
	if err := s.ListenAndServe("127.0.0.1:0"); err != ErrServerClosed {
		t.Errorf("ListenAndServe: %v", err)
	}
}

// Close with callbacks that run and wait: they return before Close does, and Close is the last of each.
func TestCloseWithQueuedCallbacks(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		gate, open := newGate()
		defer open()
		var began, done atomic.Int32
		h, ended := ends(Handler{Message: func(*Conn, Message) {
			began.Add(1)
			if !r.inline {
				<-gate
			}
			done.Add(1)
		}})
		s := r.serve(t, h, &Options{Workers: 4})
		var peers []*peer
		for range 8 {
			p := s.open()
			p.write(numbered(20))
			peers = append(peers, p)
		}
		eventually(t, "callbacks run", func() bool { return began.Load() >= 4 && s.Metrics().Conns == 8 })
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		if !r.inline {
			eventually(t, "the sockets are closed", func() bool { return s.Metrics().Sockets == 0 })
			select {
			case <-closed:
				t.Error("Close has returned while callbacks run")
			default:
			}
			open()
		}
		if err := within(t, "Close", closed); err != nil {
			t.Error(err)
		}
		if began.Load() != done.Load() || len(ended) != 8 {
			t.Errorf("%d callbacks began, %d ended; %d × Close", began.Load(), done.Load(), len(ended))
		}
		for range 8 {
			if e := <-ended; e.Code != 1006 || e.Peer || !errors.Is(e, ErrServerClosed) {
				t.Errorf("got %+v", e)
			}
		}
		for _, p := range peers {
			p.gone()
		}
	})
}

// Close and Shutdown by many at once.
func TestCloseServerByMany(t *testing.T) {
	for range 10 {
		s := usual.serve(t, echo, &Options{CloseTimeout: 50 * time.Millisecond})
		for range 5 {
			s.open()
		}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i%2 == 0 {
					s.Close()
				} else if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// A peer that has ended its side waits for a callback when the Server closes.
func TestCloseServerAfterFIN(t *testing.T) {
	gate, open := newGate()
	defer open()
	h, ended := ends(Handler{Message: func(*Conn, Message) { <-gate }})
	s := usual.serve(t, h, nil)
	p := s.open()
	p.sendText("x")
	p.half()
	c := s.only()
	eventually(t, "the FIN has come", func() bool { return c.line.Depth() == 1 })
	go s.Close()
	p.gone()
	open()
	if e := within(t, "Close", ended); e.Code != 1006 {
		t.Errorf("got %+v", e)
	}
}

func TestListen(t *testing.T) {
	s := usual.make(t, echo, nil)
	if s.Addr() != nil {
		t.Error("an address before Listen")
	}
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr() == nil || s.Addr().String() != ln.Addr().String() {
		t.Errorf("Addr is %v, want %v", s.Addr(), ln.Addr())
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("Accept of a listener whose connections are Serve's")
	}
	if _, err := s.Listen(ln.Addr().String()); err == nil {
		t.Error("the port is taken a second time")
	}
	// Connections wait for Serve.
	s.network, s.addr = "tcp", ln.Addr().String()
	p := s.dial()
	p.write([]byte(ask("/")))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	p.accepted()
	p.closing()
	if err := s.Serve(ln); err == nil || err == ErrServerClosed {
		t.Errorf("a second Serve: %v", err)
	}
	s.Close()
	if err := within(t, "Serve", served); err != ErrServerClosed {
		t.Errorf("Serve: %v", err)
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close of a listener that is closed: %v", err)
	}
}

// Any net.Listener does, and several at once.
func TestServeListeners(t *testing.T) {
	s := usual.make(t, echo, nil)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	for _, ln := range []net.Listener{tcp, unix, struct{ net.Listener }{inner}} {
		served.Go(func() {
			if err := s.Serve(ln); err != ErrServerClosed {
				t.Errorf("Serve: %v", err)
			}
		})
		s.network, s.addr = ln.Addr().Network(), ln.Addr().String()
		p := s.open()
		p.sendText("x")
		p.wantText("x")
		p.closing()
	}
	s.Close()
	served.Wait()
}

// A handler for a Server on the same port is reached by net/http's client too.
func TestPlainClient(t *testing.T) {
	s := usual.serve(t, echo, &Options{HTTP: site})
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	for range 5 {
		r, err := client.Get("http://" + s.addr + "/x")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 200 {
			t.Errorf("got %s", r.Status)
		}
	}
}
