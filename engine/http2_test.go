package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/weirws/weir/codec"
)

// clientOf is a client of hs that may ask for an extended CONNECT.
func clientOf(t testing.TB, hs *httptest.Server) *http.Client {
	//lint:ignore SA1019 net/http's Transport refuses the pseudo-header :protocol
	tr := &http2.Transport{TLSClientConfig: hs.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
	client := &http.Client{Transport: tr}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// http2Only is set in the process that net/http offers WebSockets over HTTP/2 in: it reads GODEBUG when it starts.
const http2Only = "WEIR_TEST_HTTP2"

// TestHTTP2 runs the tests of WebSockets over HTTP/2 in a process of their own: the matrix among them.
func TestHTTP2(t *testing.T) {
	if os.Getenv(http2Only) != "" {
		t.Skip("this is that process")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^(TestMatrix|TestConnect.*|TestSocket.*|TestNetConn|TestWriters)$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), http2Only+"=1", "GODEBUG=http2xconnect=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestMatrix/workers/1_loops/http2/", "TestConnectRefused", "TestConnectAccept ", "TestSocket ", "TestNetConn/inline/socket/", "TestWriters "} {
		if !strings.Contains(string(out), "--- PASS: "+name) {
			t.Errorf("%s was not tested:\n%s", name, out)
		}
	}
}

// overHTTP2 puts a door of HTTP/2 before the Server.
func (s *running) overHTTP2() { s.network, s.addr = "tcp", http2Door(s.t, s.Server) }

// http2Door puts a door of HTTP/2 before h: what a peer asks over TCP is asked again as an extended CONNECT by
// net/http's client, RFC 8441, and the bytes of the stream are passed on as they are.
func http2Door(t testing.TB, h http.Handler) (addr string) {
	t.Helper()
	hs := startHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Method != http.MethodConnect {
			t.Errorf("got %s over %s", r.Method, r.Proto)
		}
		h.ServeHTTP(w, r)
	}))
	client := clientOf(t, hs)
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
			all.Go(func() { passOn(t, nc, hs.URL, client) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return ln.Addr().String()
}

// startHTTP2 runs h behind net/http with HTTP/2, until the end of t.
func startHTTP2(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	hs := httptest.NewUnstartedServer(h)
	hs.EnableHTTP2 = true
	hs.StartTLS()
	t.Cleanup(hs.Close)
	return hs
}

// passOn connects nc with a stream of hs.
func passOn(t testing.TB, nc net.Conn, url string, client *http.Client) {
	defer nc.Close()
	br := bufio.NewReader(nc)
	asked, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	up, toServer := io.Pipe()
	defer toServer.Close()
	r, err := http.NewRequest(http.MethodConnect, url+asked.URL.Path, up)
	if err != nil {
		t.Error(err)
		return
	}
	r.Header = asked.Header.Clone()
	for _, name := range []string{"Connection", "Upgrade", "Sec-Websocket-Key"} { // RFC 8441, 5
		r.Header.Del(name)
	}
	r.Header.Set(":protocol", "websocket")
	answer, err := client.Do(r)
	if err != nil {
		t.Errorf("CONNECT: %v", err)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		answer.Proto, answer.ProtoMajor, answer.ProtoMinor = "HTTP/1.1", 1, 1
		answer.Close = true
		_ = answer.Write(nc) // the peer tells
		return
	}
	answer.Header.Del("Date")
	protocol, extensions := answer.Header.Get("Sec-Websocket-Protocol"), answer.Header.Get("Sec-Websocket-Extensions")
	answer.Header.Del("Sec-Websocket-Protocol")
	answer.Header.Del("Sec-Websocket-Extensions")
	head, err := codec.AppendUpgrade(nil, []byte(asked.Header.Get("Sec-Websocket-Key")), protocol, extensions, answer.Header)
	if err != nil {
		t.Error(err)
	}
	_, _ = nc.Write(head)
	done := make(chan struct{})
	go func() { // ends with nc, or with the stream
		defer close(done)
		_, _ = io.Copy(toServer, br)
		toServer.Close()
	}()
	_, _ = io.Copy(nc, answer.Body)
	nc.Close()
	up.Close()
	<-done
}

// What is refused is answered, and the connection of HTTP/2 lives on.
func TestConnectRefused(t *testing.T) {
	if os.Getenv(http2Only) == "" {
		t.Skip("TestHTTP2 runs it")
	}
	s := rig{loops: 1, door: http2ed}.make(t, echo, &Options{Origins: []string{"a.test"}, Subprotocols: []string{"y"}})
	hs := startHTTP2(t, s.Server)
	client := clientOf(t, hs)
	for _, c := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"no version", []string{}, "400"},
		{"old version", []string{"Sec-WebSocket-Version", "8"}, "400"},
		{"another origin", []string{"Sec-WebSocket-Version", "13", "Origin", "https://evil.test"}, "403"},
		{"twice the same protocol", []string{"Sec-WebSocket-Version", "13", "Sec-WebSocket-Protocol", "a, a"}, "400"},
		{"good", []string{"Sec-WebSocket-Version", "13", "Origin", "https://a.test", "Sec-WebSocket-Protocol", "x, y"}, "200 y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			up, toServer := io.Pipe()
			r, err := http.NewRequest(http.MethodConnect, hs.URL, up)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(":protocol", "websocket")
			for i := 0; i < len(c.fields); i += 2 {
				r.Header.Set(c.fields[i], c.fields[i+1])
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Sec-Websocket-Protocol")))
			if got != c.want || answer.Close {
				t.Errorf("got %q, want %q; the connection closes: %t", got, c.want, answer.Close)
			}
			if answer.StatusCode == http.StatusOK {
				toServer.Write(text("over h2"))
				b := make([]byte, 9)
				if _, err := io.ReadFull(answer.Body, b); err != nil || string(b[2:]) != "over h2" {
					t.Errorf("got %q, %v", b, err)
				}
				toServer.Write(maskedFrame(0x88, []byte{3, 0xe8}))
				if rest, err := io.ReadAll(answer.Body); err != nil || len(rest) != 4 || rest[0] != 0x88 {
					t.Errorf("got %x, %v", rest, err)
				}
			}
			toServer.Close()
			answer.Body.Close()
		})
	}
	s.idle()
}

// connect asks for an extended CONNECT, and sends nothing else before the end of t.
func connect(t testing.TB, client *http.Client, url string) *http.Response {
	t.Helper()
	up, toServer := io.Pipe()
	r, err := http.NewRequest(http.MethodConnect, url, up)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(":protocol", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		toServer.Close()
		answer.Body.Close()
	})
	return answer
}

// Accept refuses what would end with its handler, and serves it when that waits.
func TestConnectAccept(t *testing.T) {
	if os.Getenv(http2Only) == "" {
		t.Skip("TestHTTP2 runs it")
	}
	s := usual.make(t, Handler{}, nil)
	accepted := make(chan *Socket, 1)
	h := accepting(t, s.Server, accepted)
	bare := startHTTP2(t, h)
	if answer := connect(t, clientOf(t, bare), bare.URL); answer.StatusCode != http.StatusNotImplemented {
		t.Errorf("not wrapped: got %v", answer.Status)
	}
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		end     func(sock *Socket) // nil: the handler panics
	}{
		{"the handler returns", h.ServeHTTP, func(sock *Socket) { sock.CloseNow() }},
		{"closed when it returns", func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			sock := <-accepted
			sock.Write(t.Context(), Text, []byte("hi"))
			accepted <- sock
			sock.CloseNow()
		}, func(*Socket) {}},
		{"the handler panics", func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			panic(http.ErrAbortHandler)
		}, nil},
		{"accepted twice", func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if _, err := s.Accept(w, r); !errors.Is(err, errAcceptedTwice) {
				t.Errorf("got %v", err)
			}
		}, func(sock *Socket) { sock.CloseNow() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			hs := startHTTP2(t, s.Accepting(row.handler))
			answer := connect(t, clientOf(t, hs), hs.URL)
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("got %v", answer.Status)
			}
			sock := within(t, "Accept", accepted)
			if row.end != nil {
				row.end(sock)
			}
			_, _ = io.ReadAll(answer.Body) // ends, whatever it says
			within(t, "the end", sock.Conn().Context().Done())
		})
	}
	s.idle()
}
