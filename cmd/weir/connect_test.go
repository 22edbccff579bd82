package main_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestConnectInAPipe: lines go out, answers come in as lines, and the end of
// the input closes.
func TestConnectInAPipe(t *testing.T) {
	s := weirtest.Echo(t)
	for _, test := range []struct {
		name, flags, in, out string
	}{
		{"a line", "", "hi\n", "hi\n"},
		{"some lines", "", "one\ntwo\n\nthree\n", "one\ntwo\n\nthree\n"},
		{"no line feed at the end", "", "one\ntwo", "one\ntwo\n"},
		{"of Windows", "", "one\r\ntwo\r\n", "one\ntwo\n"},
		{"nothing", "", "", ""},
		{"UTF-8", "", "ä€😀\n", "ä€😀\n"},
		{"control characters pass", "", "a\x1b[31mb\n", "a\x1b[31mb\n"},
		{"bytes", "--binary", "a\xffb\r\n", "a\xffb\r\n"},
		{"hexadecimal", "--hex", "00 01 fe FF\n68656c6c6f\n\n", "0001feff\n68656c6c6f\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"connect", s.URL("ws", "/echo")}, strings.Fields(test.flags)...)
			got := weirtest.Run(t, test.in, args...)
			if want := (weirtest.Result{Stdout: test.out}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestConnectMuch is more than a backlog holds: connect waits for the server.
func TestConnectMuch(t *testing.T) {
	s := weirtest.Echo(t)
	var in strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&in, "%d %s\n", i, strings.Repeat("x", i))
	}
	in.WriteString(strings.Repeat("y", 1<<20) + "\n")
	got := weirtest.Run(t, in.String(), "connect", s.URL("ws", "/"))
	if got.Exit != 0 || got.Stderr != "" || got.Stdout != in.String() {
		t.Errorf("got %d, %q and %d bytes, want 0, nothing and %d bytes", got.Exit, got.Stderr, len(got.Stdout), in.Len())
	}
}

// TestConnectURL: what is missing of a URL is added.
func TestConnectURL(t *testing.T) {
	s := weirtest.Echo(t)
	for _, url := range []string{s.Host, s.Host + "/echo", "http://" + s.Host + "/echo", "ws://" + s.Host, "ws://" + s.Host + "/echo?x=y#z"} {
		t.Run(strings.ReplaceAll(url, s.Host, "host"), func(t *testing.T) {
			if got, want := weirtest.Run(t, "hi\n", "connect", url), (weirtest.Result{Stdout: "hi\n"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestConnectWait: a negative wait is for ever, and 0 is none.
func TestConnectWait(t *testing.T) {
	s := weirtest.Serve(t)
	url := s.URL("ws", "/ws?topic=a")
	if got, want := weirtest.Run(t, "", "connect", "--wait", "0", url), (weirtest.Result{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	witness := dial(t, url)
	witness.settle()
	p := weirtest.Start(t, "connect", "--wait", "-1s", url)
	p.Stdin.Close()
	awaitReceivers(t, s, "a", 2, witness)
	s.Signal(syscall.SIGTERM)
	p.Stderr(`closed by the server: 1012 \(service restart\)`)
	if code := p.Wait(); code != 0 {
		t.Errorf("got %d, want 0", code)
	}
}

// TestConnectFails: each is a sentence, and exit code 1.
func TestConnectFails(t *testing.T) {
	echo, serve := weirtest.Echo(t, "--max-message", "10"), weirtest.Serve(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, test := range []struct {
		name, in string
		args     []string
		want     []string
	}{
		{"nobody listens", "", []string{"ws://" + nobody.Addr().String()}, []string{"nothing listens on " + nobody.Addr().String(), "weir serve starts one"}},
		{"refused, with a reason", "", []string{serve.URL("ws", "/ws")}, []string{"answered 400 Bad Request instead of opening a WebSocket", "It says: name at least one topic: /ws?topic=news"}},
		{"closed with a reason", "hello\n", []string{serve.URL("ws", "/ws?topic=a")}, []string{`closed by the server: 1008 (policy violation), "this socket only listens`}},
		{"too long", strings.Repeat("x", 11) + "\n", []string{echo.URL("ws", "/")}, []string{"closed by the server: 1009 (message too big)"}},
		{"not UTF-8", "a\xffb\n", []string{echo.URL("ws", "/")}, []string{`"a\xffb" is not UTF-8`, "--binary sends it as bytes"}},
		{"not hexadecimal", "xyz\n", []string{"--hex", echo.URL("ws", "/")}, []string{`"xyz" is not pairs of hexadecimal digits`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := weirtest.Run(t, test.in, append([]string{"connect"}, test.args...)...)
			if got.Exit != 1 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "weir: ") {
				t.Errorf("got %d, %q, %q, want 1, nothing and weir: in front", got.Exit, got.Stdout, got.Stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("got %q, want %q in it", got.Stderr, want)
				}
			}
		})
	}
}

// fake is a server that answers one request as told, and returns the request.
func fake(t *testing.T, answer string) (host string, request <-chan *http.Request) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	got := make(chan *http.Request, 1)
	go func() { // ends with the request, or when ln is closed
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		got <- r
		_, _ = c.Write([]byte(answer)) // the client tells
	}()
	return ln.Addr().String(), got
}

// TestConnectRequest: headers and subprotocols are those of the flags.
func TestConnectRequest(t *testing.T) {
	host, request := fake(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot \x1byou\n")
	got := weirtest.Run(t, "", "connect", "-H", "Authorization: Bearer abc", "--header", "x-two:2", "-s", "chat", "--subprotocol", "superchat", "ws://"+host+"/a?b=c")
	if want := "weir: " + host + " answered 403 Forbidden instead of opening a WebSocket.\n      It says: not ?you\n"; got.Exit != 1 || got.Stderr != want {
		t.Errorf("got %d, %q, want 1 and %q", got.Exit, got.Stderr, want)
	}
	r := receive(t, request, "the request")
	for name, want := range map[string]string{"Authorization": "Bearer abc", "X-Two": "2", "Sec-Websocket-Protocol": "chat, superchat"} {
		if got := strings.Join(r.Header.Values(name), ", "); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if r.RequestURI != "/a?b=c" || r.Host != host {
		t.Errorf("got %s of %s, want /a?b=c of %s", r.RequestURI, r.Host, host)
	}
}

// TestConnectToSomethingElse: a server that does not speak HTTP, and one that
// hangs up.
func TestConnectToSomethingElse(t *testing.T) {
	for name, answer := range map[string]string{"a mail server": "220 mail.example ESMTP\r\n", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			host, _ := fake(t, answer)
			got := weirtest.Run(t, "", "connect", host)
			if got.Exit != 1 || !strings.Contains(got.Stderr, "cannot connect to "+host) || !strings.Contains(got.Stderr, "Check that it is a WebSocket server") {
				t.Errorf("got %+v, want exit code 1 and a sentence", got)
			}
		})
	}
}

// TestConnectPing shows how long pongs take, beside the messages.
func TestConnectPing(t *testing.T) {
	s := weirtest.Echo(t)
	p := weirtest.Start(t, "connect", "--ping", "10ms", s.URL("ws", "/"))
	p.Stderr(`(?s)(pong after \d+\.\d\d ms.*){3}`)
	if _, err := p.Stdin.Write([]byte("hi\n")); err != nil {
		t.Fatal(err)
	}
	p.Stdout("^hi\n$")
}

// TestConnectInterrupted: a signal closes properly, and is no failure.
func TestConnectInterrupted(t *testing.T) {
	s := weirtest.Echo(t)
	p := weirtest.Start(t, "connect", s.URL("ws", "/"))
	if _, err := p.Stdin.Write([]byte("hi\n")); err != nil {
		t.Fatal(err)
	}
	p.Stdout("hi")
	p.Signal(syscall.SIGINT)
	if code := p.Wait(); code != 0 {
		_, stderr := p.Text()
		t.Errorf("got %d, want 0: %s", code, stderr)
	}
}
