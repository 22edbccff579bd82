package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// socketPair returns both ends of a connection in hand: of Accept behind net/http, and of DialSocket.
func socketPair(t testing.TB, o *Options) (server, client *Socket) {
	t.Helper()
	srv, ln := acceptor(t, o)
	cl, err := NewClient(Handler{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cl.Close() })
	client, err = cl.DialSocket(context.Background(), srv, nil)
	if err != nil {
		t.Fatal(err)
	}
	return within(t, "Accept", ln), client
}

// acceptor runs a Server behind net/http that accepts whatever comes. It returns its URL.
func acceptor(t testing.TB, o *Options) (url string, accepted <-chan *Socket) {
	t.Helper()
	home(t)
	s, err := New(Handler{}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ch := make(chan *Socket, 16)
	h := accepting(t, s, ch)
	if os.Getenv(http2Only) != "" {
		return "ws://" + http2Door(t, s.Accepting(h)), ch
	}
	hs := httptest.NewServer(h)
	t.Cleanup(hs.Close)
	return "ws" + strings.TrimPrefix(hs.URL, "http"), ch
}

// The adapter is a net.Conn as good as any: both ends of it, on whatever they are made.
func TestNetConn(t *testing.T) {
	for _, inline := range []bool{false, true} {
		t.Run(choose(inline, "inline", "workers"), func(t *testing.T) {
			t.Run("socket", func(t *testing.T) {
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					server, client := socketPair(t, &Options{Inline: inline, Loops: 2})
					c1, c2 = server.NetConn(Binary), client.NetConn(Binary)
					return c1, c2, func() { c1.Close(); c2.Close() }, nil
				})
			})
			t.Run("stream", func(t *testing.T) {
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					streams := make(chan *Stream, 2)
					h := Handler{Open: func(c *Conn) { streams <- c.Stream() }}
					s := rig{inline: inline, loops: 2, door: listened}.serve(t, h, nil)
					cl, err := NewClient(h, &Options{Inline: inline})
					if err != nil {
						return nil, nil, nil, err
					}
					t.Cleanup(func() { cl.Close() })
					if _, err := cl.Dial(context.Background(), "ws://"+s.addr, nil); err != nil {
						return nil, nil, nil, err
					}
					c1, c2 = within(t, "Open", streams), within(t, "Open", streams)
					return c1, c2, func() { c1.Close(); c2.Close() }, nil
				})
			})
		})
	}
}

// Messages that came before Open has returned, and so before Stream was called, are the stream's; a peer that is not
// read is held back; what was there before its end is read before io.EOF.
func TestStreamHoldsBack(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		streams := make(chan *Stream, 1)
		opened := make(chan bool)
		s := r.serve(t, Handler{Open: func(c *Conn) {
			if !r.inline {
				<-opened
			}
			streams <- c.Stream()
		}}, &Options{KeepAlive: -1})
		p := s.dial()
		p.write(append([]byte(ask("/")), join(text("early "), text("too "))...))
		p.accepted()
		close(opened)
		st := within(t, "Open", streams)
		const chunk, chunks = 32 << 10, 512 // 16 MiB
		sent := make(chan int, 1)
		go func() {
			n := 0
			for range chunks {
				if _, err := p.nc.Write(maskedFrame(0x82, make([]byte, chunk))); err != nil {
					break
				}
				n++
			}
			_, _ = p.nc.Write(maskedFrame(0x88, []byte{3, 0xe8}))
			sent <- n
		}()
		eventually(t, "its socket is not read", func() bool { return st.c.stops.Load()&stopIntake != 0 })
		st.in.mu.Lock()
		if st.in.bytes > intakeBytes+DefaultStrandDepth*chunk {
			t.Errorf("%d bytes wait", st.in.bytes)
		}
		st.in.mu.Unlock()
		got, err := io.ReadAll(st)
		if n := within(t, "all is sent", sent); n != chunks || err != nil {
			t.Errorf("%d chunks were sent, and then %v", n, err)
		}
		if want := len("early too ") + chunks*chunk; len(got) != want || !bytes.HasPrefix(got, []byte("early too ")) {
			t.Errorf("got %d bytes %.20q, want %d", len(got), got, want)
		}
		if _, err := st.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("again: %v", err)
		}
		p.wantClose(1000)
		p.gone()
	})
}

// A Stream's Write waits for its peer, and a deadline ends that without harm.
func TestStreamWriteWaits(t *testing.T) {
	streams := make(chan *Stream, 1)
	s := usual.serve(t, Handler{Open: func(c *Conn) { streams <- c.Stream() }}, &Options{MaxBacklogAge: -1})
	p := s.open()
	st := within(t, "Open", streams)
	piece := blob(16 << 10)
	wrote := 0
	st.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for {
		n, err := st.Write(piece)
		wrote += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if b := st.c.Backlog(); b > aheadBytes+len(piece)+100 {
		t.Errorf("%d bytes wait", b)
	}
	st.SetWriteDeadline(time.Time{})
	go func() { st.Write([]byte("last")); st.Close() }()
	got := 0
	for {
		f := p.frame()
		if f.op == opClosed {
			break
		}
		got += len(f.payload)
	}
	if got != wrote+4 {
		t.Errorf("got %d bytes, want %d", got, wrote+4)
	}
	p.sendClose(1000, "")
	p.gone()
}

// How a stream ends for its reader.
func TestStreamEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(p *peer)
		want func(err error) bool
	}{
		{"1000", func(p *peer) { p.sendClose(1000, "") }, func(err error) bool { return err == io.EOF }},
		{"1001", func(p *peer) { p.sendClose(1001, "") }, func(err error) bool { return err == io.EOF }},
		{"no code", func(p *peer) { p.send(opClosed, nil) }, func(err error) bool { return err == io.EOF }},
		{"4000", func(p *peer) { p.sendClose(4000, "why") }, func(err error) bool {
			var e *CloseError
			return errors.As(err, &e) && e.Code == 4000 && e.Reason == "why"
		}},
		{"no frame", func(p *peer) { p.half() }, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			streams := make(chan *Stream, 1)
			s := usual.serve(t, Handler{Open: func(c *Conn) { streams <- c.Stream() }}, nil)
			p := s.open()
			st := within(t, "Open", streams)
			p.sendText("before")
			c.end(p)
			b := make([]byte, 100)
			if n, err := st.Read(b); string(b[:n]) != "before" || err != nil {
				t.Errorf("got %q, %v", b[:n], err)
			}
			if _, err := st.Read(b); !c.want(err) {
				t.Errorf("got %v", err)
			}
			s.idle()
			if _, err := st.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write: %v", err)
			}
			// One that is made when all is over.
			if _, err := st.c.Stream().Read(b); !c.want(err) {
				t.Errorf("late: %v", err)
			}
		})
	}
}
