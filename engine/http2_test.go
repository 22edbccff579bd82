package engine

import (
	"bufio"
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
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^(TestMatrix|TestConnect.*)$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), http2Only+"=1", "GODEBUG=http2xconnect=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestMatrix/workers/1_loops/http2/") || !strings.Contains(string(out), "--- PASS: TestConnectRefused") {
		t.Errorf("nothing was tested:\n%s", out)
	}
}

// overHTTP2 puts a door of HTTP/2 before the Server: what a peer asks over TCP is asked again as an extended CONNECT by
// net/http's client, RFC 8441, and the bytes of the stream are passed on as they are.
func (s *running) overHTTP2() {
	hs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Method != http.MethodConnect {
			s.t.Errorf("got %s over %s", r.Method, r.Proto)
		}
		s.ServeHTTP(w, r)
	}))
	hs.EnableHTTP2 = true
	hs.StartTLS()
	s.t.Cleanup(hs.Close)
	client := clientOf(s.t, hs)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.network, s.addr = "tcp", ln.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.passOn(nc, hs.URL, client) })
		}
	})
	s.t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
}

// passOn connects nc with a stream of hs.
func (s *running) passOn(nc net.Conn, url string, client *http.Client) {
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
		s.t.Error(err)
		return
	}
	r.Header = asked.Header.Clone()
	for _, name := range []string{"Connection", "Upgrade", "Sec-Websocket-Key"} { // RFC 8441, 5
		r.Header.Del(name)
	}
	r.Header.Set(":protocol", "websocket")
	answer, err := client.Do(r)
	if err != nil {
		s.t.Errorf("CONNECT: %v", err)
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
		s.t.Error(err)
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
	hs := httptest.NewUnstartedServer(s.Server)
	hs.EnableHTTP2 = true
	hs.StartTLS()
	t.Cleanup(hs.Close)
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

// Accept can't serve what ends with its handler, and says so.
func TestConnectAccept(t *testing.T) {
	if os.Getenv(http2Only) == "" {
		t.Skip("TestHTTP2 runs it")
	}
	s := usual.make(t, Handler{}, nil)
	hs := httptest.NewUnstartedServer(accepting(t, s.Server, nil))
	hs.EnableHTTP2 = true
	hs.StartTLS()
	t.Cleanup(hs.Close)
	client := clientOf(t, hs)
	r, err := http.NewRequest(http.MethodConnect, hs.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(":protocol", "websocket")
	r.Header.Set("Sec-WebSocket-Version", "13")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotImplemented {
		t.Errorf("got %v", answer.Status)
	}
}
