package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// accepting is an http.Handler of a program that wants its connections in hand.
func accepting(t testing.TB, s *Server, ch chan<- *Socket) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sock, err := s.Accept(w, r)
		if err != nil {
			var refused *Refusal
			if !errors.As(err, &refused) {
				t.Errorf("Accept: %v", err)
			}
			return
		}
		ch <- sock
	})
}

func TestSocket(t *testing.T) {
	for _, o := range []*Options{{Loops: 2}, {Loops: 1, Inline: true}, {Compression: Compression4K, CompressionThreshold: 100}} {
		server, client := socketPair(t, o)
		ctx := context.Background()
		for _, n := range []int{0, 1, 126, 70_000, DefaultMaxMessageBytes} {
			want := blob(n)
			sent := make(chan error, 1)
			go func() { sent <- client.Write(ctx, Binary, want) }()
			m, err := server.Read(ctx)
			if err != nil || m.Kind != Binary || string(m.Data) != string(want) {
				t.Errorf("%d bytes: got %v of %d, %v", n, m.Kind, len(m.Data), err)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
		if err := server.Write(ctx, Text, []byte("hello")); err != nil {
			t.Error(err)
		}
		if m, err := client.Read(ctx); err != nil || m.Kind != Text || m.String() != "hello" {
			t.Errorf("got %v %q, %v", m.Kind, m, err)
		}
		if _, err := client.Conn().RoundTrip(ctx); err != nil { // the other side is not being read
			t.Error(err)
		}
		server.Write(ctx, Text, []byte("last words"))
		if err := server.Close(4321, "bye"); err != nil {
			t.Error(err)
		}
		if m, err := client.Read(ctx); err != nil || m.String() != "last words" {
			t.Errorf("got %q, %v", m, err)
		}
		var e *CloseError
		if _, err := client.Read(ctx); !errors.As(err, &e) || e.Code != 4321 || e.Reason != "bye" || !e.Peer {
			t.Errorf("got %v", err)
		}
		if err := client.Write(ctx, Text, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v", err)
		}
		within(t, "the end", server.Conn().Context().Done())
		if _, err := server.Read(ctx); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
	}
}

// The end of a context ends a call and nothing else: no message is torn or lost.
func TestSocketContext(t *testing.T) {
	server, client := socketPair(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := server.Read(ctx); err != context.Canceled {
		t.Errorf("Read: %v", err)
	}
	if err := server.Write(ctx, Text, nil); err != context.Canceled {
		t.Errorf("Write: %v", err)
	}
	// One that ends within a message.
	ctx, cancel = context.WithCancel(context.Background())
	w := client.Writer(context.Background(), Text)
	w.Write([]byte("one "))
	read := make(chan error, 1)
	go func() {
		_, err := server.Read(ctx)
		read <- err
	}()
	eventually(t, "the first piece was read", func() bool {
		server.in.mu.Lock()
		defer server.in.mu.Unlock()
		return len(server.in.parts) == 0 && server.in.news != nil
	})
	cancel()
	if err := within(t, "Read", read); err != context.Canceled {
		t.Errorf("Read: %v", err)
	}
	w.Write([]byte("two"))
	w.Close()
	if m, err := server.Read(context.Background()); err != nil || m.String() != "one two" {
		t.Errorf("got %q, %v", m, err)
	}
	if server.Conn().State() != Open {
		t.Error("the connection is not open any more")
	}
}

// A message that is larger than memory should hold is read as it comes, at the reader's pace.
func TestSocketReader(t *testing.T) {
	server, client := socketPair(t, &Options{MaxMessageBytes: 1000, MaxFragments: 3, MaxBacklogAge: -1})
	ctx := context.Background()
	const size = 32 << 20
	sent := make(chan error, 1)
	go func() {
		sent <- client.Conn().SendFrom(Binary, io.LimitReader(zeros{}, size))
		client.Write(ctx, Text, []byte("half of it is enough"))
		client.Write(ctx, Text, []byte("whole"))
		client.Write(ctx, Text, []byte(strings.Repeat("x", 1001)))
	}()
	kind, r, err := server.Reader(ctx)
	if err != nil || kind != Binary {
		t.Fatalf("got %v, %v", kind, err)
	}
	if n, err := io.Copy(io.Discard, r); n != size || err != nil {
		t.Errorf("got %d bytes, %v, want %d", n, err, size)
	}
	if err := within(t, "SendFrom", sent); err != nil {
		t.Error(err)
	}
	kind, half, err := server.Reader(ctx)
	b := make([]byte, 4)
	if n, _ := half.Read(b); kind != Text || err != nil || string(b[:n]) != "half" {
		t.Errorf("got %v %q, %v", kind, b[:n], err)
	}
	if m, err := server.Read(ctx); err != nil || m.String() != "whole" {
		t.Errorf("got %q, %v", m, err)
	}
	if _, err := half.Read(b); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Read of a message that is over: %v", err)
	}
	var e *CloseError
	if _, err := server.Read(ctx); !errors.As(err, &e) || e.Code != StatusMessageTooBig {
		t.Errorf("too long: %v", err)
	}
	if _, err := client.Read(ctx); !errors.As(err, &e) || e.Code != StatusMessageTooBig || !e.Peer {
		t.Errorf("the peer gets %v", err)
	}
}

// zeros is without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestSocketCloseRead(t *testing.T) {
	server, client := socketPair(t, nil)
	ctx := context.Background()
	ended := server.CloseRead()
	if _, err := client.Conn().RoundTrip(ctx); err != nil {
		t.Error(err)
	}
	if err := server.Write(ctx, Text, []byte("out only")); err != nil {
		t.Error(err)
	}
	if m, err := client.Read(ctx); err != nil || m.String() != "out only" {
		t.Errorf("got %q, %v", m, err)
	}
	client.Write(ctx, Text, []byte("in"))
	within(t, "the end", ended.Done())
	var e *CloseError
	if _, err := client.Read(ctx); !errors.As(err, &e) || e.Code != StatusPolicyViolation {
		t.Errorf("the peer gets %v", err)
	}
}

// Accept judges by Options, and answers what it refuses.
func TestAcceptRefuses(t *testing.T) {
	url, _ := acceptor(t, &Options{Path: "/not asked", CheckOrigin: func(r *http.Request) bool { return r.URL.Path == "/yes" }})
	cl, err := NewClient(Handler{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var refused *DialError
	if _, err := cl.DialSocket(context.Background(), url+"/no", nil); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("got %v", err)
	}
	sock, err := cl.DialSocket(context.Background(), url+"/yes", nil)
	if err != nil {
		t.Fatal(err)
	}
	sock.CloseNow()
	r, err := http.Get("http" + strings.TrimPrefix(url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain HTTP: %v", r.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}
