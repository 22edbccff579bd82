package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// client makes a Client that is closed at the end of t.
func (r rig) client(t testing.TB, h Handler, o *Options) *Client {
	t.Helper()
	return r.clientThat(t, h, o, 0)
}

// clientThat is client with so many callbacks that panic.
func (r rig) clientThat(t testing.TB, h Handler, o *Options, panics uint64) *Client {
	t.Helper()
	home(t)
	var op Options
	if o != nil {
		op = *o
	}
	rules, log := &rules{t: t}, new(logBook)
	cl, err := newClient(rules.hold(h), r.settings(t, &op, log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cl.Close()
		rules.ended()
		if m := cl.Metrics(); m.Conns != 0 || m.Sockets != 0 || m.Panics != panics || m.Upgraded != m.Closed {
			t.Errorf("after Close: %+v, want %d panics; log:\n%s", m, panics, log)
		}
	})
	return cl
}

// Our client and our server.
func TestClientEcho(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		for _, streams := range []bool{false, true} {
			r.streams = streams
			s := r.serve(t, Handler{
				Upgrade: func(q *Request) (any, error) {
					return fmt.Sprint(q.HTTP.URL, " ", q.HTTP.Host, " ", q.HTTP.Header.Get("X-Mine"), " ", q.HTTP.Header.Get("Origin")), nil
				},
				Open:    func(c *Conn) { c.SendText(c.Value().(string)) },
				Message: echo.Message,
			}, &Options{Subprotocols: []string{"b"}, Origins: []string{"http://from.test"}})
			got := make(chan Message, 100)
			ch, ended := ends(Handler{Message: func(_ *Conn, m Message) { got <- m.Clone() }})
			cl := r.client(t, ch, nil)
			c, err := cl.Dial(context.Background(), "ws://"+s.addr+"/a%20b?c=d", &DialOptions{
				Header: http.Header{"X-Mine": {"yes"}}, Subprotocols: []string{"a", "b"}, Origin: "http://from.test", Value: 7,
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.Value() != 7 || c.Subprotocol() != "b" || c.State() != Open || c.RemoteAddr().String() != s.addr || c.LocalAddr() == nil {
				t.Errorf("got %v, %q, %v, %v", c.Value(), c.Subprotocol(), c.State(), c.RemoteAddr())
			}
			if m := within(t, "a message", got); m.String() != "/a%20b?c=d "+s.addr+" yes http://from.test" {
				t.Errorf("the server got %q", m)
			}
			for _, n := range echoSizes {
				if err := c.Send(Binary, blob(n)); err != nil {
					t.Fatal(err)
				}
				if m := within(t, "an echo", got); m.Kind != Binary || !bytes.Equal(m.Data, blob(n)) {
					t.Errorf("%d bytes are wrong", n)
				}
			}
			pr, _ := Prepare(Text, []byte("prepared"))
			c.SendPrepared(pr)
			c.SendWith(Text, []byte("in "), SendOptions{More: true})
			c.SendWith(Text, []byte("parts"), SendOptions{})
			var top Topic
			top.Subscribe(c)
			top.Publish(Text, []byte("published"))
			for _, want := range []string{"prepared", "in parts", "published"} {
				if m := within(t, "an echo", got); m.String() != want {
					t.Errorf("got %q, want %q", m, want)
				}
			}
			if _, err := c.RoundTrip(context.Background()); err != nil {
				t.Error(err)
			}
			if err := c.Close(4000, "bye"); err != nil {
				t.Error(err)
			}
			if e := within(t, "Close", ended); e.Code != 4000 || e.Reason != "bye" || e.Peer || !e.Clean {
				t.Errorf("got %+v", e)
			}
			cl.Close()
			s.Close()
		}
	})
}

// The server closes.
func TestClientClosedByPeer(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, Handler{Message: func(c *Conn, _ Message) { c.Close(4001, "enough") }}, nil)
		h, ended := ends(Handler{Open: func(c *Conn) { c.SendText("x") }})
		if _, err := r.client(t, h, nil).Dial(context.Background(), "ws://"+s.addr, nil); err != nil {
			t.Fatal(err)
		}
		if e := within(t, "Close", ended); e.Code != 4001 || e.Reason != "enough" || !e.Peer || !e.Clean {
			t.Errorf("got %+v", e)
		}
	})
}

// A connection that is closed the moment it is there still has its Open first and its Close last.
func TestClientClosesAtOnce(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		h, ended := ends(Handler{})
		cl := r.client(t, h, nil)
		for i := range 200 {
			c, err := cl.Dial(context.Background(), "ws://"+s.addr, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch i % 4 {
			case 0:
				c.CloseNow()
			case 1:
				c.Close(1000, "")
			case 2:
				c.SendWith(Text, nil, SendOptions{Done: func(error) {}})
				c.CloseNow()
			case 3:
				c.Pause()
				c.Do(func() {})
				c.Resume()
				c.Close(1000, "")
			}
			within(t, "Close", ended)
		}
	})
}

// fake accepts one connection after the other, reads the request's head and answers with what answer returns.
func fake(t *testing.T, answer func(key string) string, then func(nc net.Conn, br *bufio.Reader)) string {
	t.Helper()
	return "ws://" + listening(t, func(nc net.Conn) {
		_ = nc.SetDeadline(time.Now().Add(patience)) // the read tells
		br := bufio.NewReader(nc)
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		fmt.Fprint(nc, answer(r.Header.Get("Sec-WebSocket-Key")))
		if then != nil {
			then(nc, br)
		}
	}) + "/"
}

// listening accepts one connection after the other, and closes each when serve returns.
func listening(t *testing.T, serve func(nc net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer nc.Close()
				serve(nc)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return ln.Addr().String()
}

func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func switching(key string, fields ...string) string {
	return strings.Join(append([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + acceptFor(key),
	}, fields...), "\r\n") + "\r\n\r\n"
}

// Answers by which RFC 6455, 4.1, has a client fail the connection.
func TestClientHandshakeRefused(t *testing.T) {
	good := func(key string) string { return switching(key) }
	for _, tc := range []struct {
		name   string
		answer func(key string) string
		offer  []string
		ok     bool
		status int
	}{
		{"right", good, nil, true, 0},
		{"case does not count", func(k string) string {
			return strings.NewReplacer("Upgrade: websocket", "uPGRADE: WebSocket", "Connection: Upgrade", "connection: keep-alive, upgrade").Replace(good(k))
		}, nil, true, 0},
		{"interim answer first", func(k string) string { return "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good(k) }, nil, true, 0},
		{"subprotocol", func(k string) string { return switching(k, "Sec-WebSocket-Protocol: b") }, []string{"a", "b"}, true, 0},
		{"status 200", func(string) string { return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody" }, nil, false, 200},
		{"status 404 without length", func(string) string { return "HTTP/1.1 404 Not Found\r\n\r\nbody" }, nil, false, 404},
		{"redirect", func(string) string { return "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" }, nil, false, 302},
		{"no Upgrade", func(k string) string { return strings.Replace(good(k), "Upgrade: websocket\r\n", "", 1) }, nil, false, 0},
		{"other Upgrade", func(k string) string { return strings.Replace(good(k), "websocket", "h2c", 1) }, nil, false, 0},
		{"no Connection", func(k string) string { return strings.Replace(good(k), "Connection: Upgrade\r\n", "", 1) }, nil, false, 0},
		{"no accept", func(k string) string { return strings.Replace(good(k), "Sec-WebSocket-Accept", "X", 1) }, nil, false, 0},
		{"wrong accept", func(string) string { return good("x") }, nil, false, 0},
		{"extension not offered", func(k string) string { return switching(k, "Sec-WebSocket-Extensions: permessage-deflate") }, nil, false, 0},
		{"subprotocol not offered", func(k string) string { return switching(k, "Sec-WebSocket-Protocol: b") }, nil, false, 0},
		{"other subprotocol", func(k string) string { return switching(k, "Sec-WebSocket-Protocol: c") }, []string{"a", "b"}, false, 0},
		{"no HTTP", func(string) string { return "SSH-2.0-OpenSSH\r\n" }, nil, false, 0},
		{"nothing", func(string) string { return "" }, nil, false, 0},
		{"cut", func(k string) string { return good(k)[:80] }, nil, false, 0},
		{"too long", func(k string) string { return switching(k, "X: "+strings.Repeat("x", 9000)) }, nil, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cl := usual.client(t, Handler{}, nil)
			url := fake(t, tc.answer, nil)
			c, err := cl.Dial(context.Background(), url, &DialOptions{Subprotocols: tc.offer})
			if (err == nil) != tc.ok {
				t.Fatalf("got %v", err)
			}
			if tc.ok {
				c.CloseNow()
				return
			}
			var refused *DialError
			if errors.As(err, &refused) != (tc.status != 0) || tc.status != 0 && refused.Status != tc.status {
				t.Errorf("got %v", err)
			}
			if tc.status == 404 || tc.status == 200 {
				if string(refused.Body) != "body" {
					t.Errorf("got body %q", refused.Body)
				}
			}
			if tc.status == 302 && refused.Header.Get("Location") != "/x" {
				t.Errorf("got %v", refused.Header)
			}
		})
	}
}

// Frames behind the answer are the first messages; those of a client are masked, each with a key of its own.
func TestClientFrames(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		masks := make(chan [4]byte, 1000)
		url := fake(t, func(key string) string { return switching(key) + "\x81\x05early" }, func(nc net.Conn, br *bufio.Reader) {
			for {
				head, err := br.Peek(6)
				if err != nil {
					return
				}
				if head[1]&0x80 == 0 {
					t.Error("a frame of a client is not masked")
					return
				}
				masks <- [4]byte(head[2:])
				if head[1] == 0x80 { // RFC 6455, 5.1: a masked frame of a server
					masks <- [4]byte{}
				}
				f, err := readWire(br)
				if err != nil {
					return
				}
				if f.op == opClosed {
					_, _ = nc.Write(append([]byte{0x88, byte(len(f.payload))}, f.payload...))
					return
				}
				if f.op == opBinary && len(f.payload) == 1 {
					_, _ = nc.Write(maskedFrame(0x82, nil))
				}
			}
		})
		got := make(chan string, 10)
		h, ended := ends(Handler{Message: func(_ *Conn, m Message) { got <- m.String() }})
		c, err := r.client(t, h, nil).Dial(context.Background(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := within(t, "the early message", got); m != "early" {
			t.Errorf("got %q", m)
		}
		seen := map[[4]byte]bool{}
		for range 100 {
			c.Send(Text, []byte("x"))
			seen[within(t, "a frame", masks)] = true
			c.Ping([]byte("x"))
			seen[within(t, "a frame", masks)] = true
		}
		if len(seen) < 190 {
			t.Errorf("%d different keys of 200", len(seen))
		}
		c.Send(Binary, []byte{1})
		if e := within(t, "Close", ended); e.Code != 1002 || e.Peer {
			t.Errorf("got %+v", e)
		}
	})
}

// A dial ends with its context, with MaxUpgradeTime, and with the refusal of the network.
func TestDialEnds(t *testing.T) {
	silent := fake(t, func(string) string { return "" }, func(_ net.Conn, br *bufio.Reader) { br.Peek(1) })
	cl := usual.client(t, Handler{}, &Options{MaxUpgradeTime: 100 * time.Millisecond})
	if _, err := cl.Dial(context.Background(), silent, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("MaxUpgradeTime: %v", err)
	}
	cl = usual.client(t, Handler{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := cl.Dial(ctx, silent, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if _, err := cl.Dial(context.Background(), "ws://"+ln.Addr().String(), nil); err == nil {
		t.Error("nobody listens")
	}
	cl.Close()
	open := fake(t, func(key string) string { return switching(key) }, nil)
	if _, err := cl.Dial(context.Background(), open, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed Client: %v", err)
	}
}

// MaxConns bounds a Client too.
func TestClientMaxConns(t *testing.T) {
	s := usual.serve(t, echo, nil)
	cl := usual.client(t, Handler{}, &Options{MaxConns: 2})
	url := "ws://" + s.addr
	for range 2 {
		if _, err := cl.Dial(context.Background(), url, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cl.Dial(context.Background(), url, nil); err == nil {
		t.Error("a third")
	}
	var conns []*Conn
	eventually(t, "Conns yields both", func() bool {
		conns = slices.Collect(cl.Conns())
		return len(conns) == 2
	})
	for _, c := range conns {
		c.CloseNow()
	}
	eventually(t, "there is room", func() bool { return cl.Metrics().Conns == 0 })
	if _, err := cl.Dial(context.Background(), url, nil); err != nil {
		t.Error(err)
	}
}
