package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// TestServePrintsWhatWorks: the curl line that weir serve prints reaches the
// WebSocket URL that it prints, of an engine's client and of weir connect.
func TestServePrintsWhatWorks(t *testing.T) {
	s := weirtest.Serve(t)
	url := s.Stdout(`WebSocket +(ws://\S+)`)[1]
	curl := s.Stdout(`Publish +(curl .*)`)[1]
	page := s.Stdout(`Demo page +(http://\S+)`)[1]

	p := dial(t, url)
	p.settle()
	connect := weirtest.Start(t, "connect", url)
	connect.Stdin.Close()
	awaitReceivers(t, s, "demo", 2, p)
	if got, want := weirtest.Shell(t, curl), `"receivers_local":2}`+"\n"; !strings.HasSuffix(got, want) {
		t.Errorf("curl: got %q, want %q at its end", got, want)
	}
	if m := p.message(); m.Kind != engine.Text || m.String() != "hello" {
		t.Errorf("got %v %q, want text hello", m.Kind, m.Data)
	}
	connect.Stdout("(?m)^hello$")
	if code := connect.Wait(); code != 0 {
		t.Errorf("weir connect ended with %d, want 0", code)
	}

	answer, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || !strings.HasPrefix(got, "text/html") {
		t.Errorf("the page: got %s of type %s", answer.Status, got)
	}
}

// TestServePrintsTokens: the line that mints a token works, and what it mints
// does; a secret of the environment is not shown.
func TestServePrintsTokens(t *testing.T) {
	s := weirtest.Serve(t)
	line := s.Stdout(`Token +(WEIR_AUTH_KEYS=.*)`)[1]
	token := strings.TrimSpace(weirtest.Shell(t, "PATH="+filepath.Dir(weirtest.Binary())+":$PATH; "+line))
	dial(t, s.URL("ws", "/ws?topic=a&access_token="+token)).settle()
	if _, text := s.Operators("/api/admin/conns?user=ann"); !strings.Contains(text, `"user":"ann"`) {
		t.Errorf("the user is not there: %s", text)
	}
	if got := weirtest.Run(t, "", "connect", s.URL("ws", "/ws?topic=a&access_token="+token+"x")); got.Exit != 1 || !strings.Contains(got.Stderr, "401") {
		t.Errorf("another token: got %+v, want 401", got)
	}
	for _, keys := range []string{"[]", `[{alg: HS256, secret: "of the environment, and of nobody else"}]`} {
		t.Setenv("WEIR_AUTH_KEYS", keys)
		if stdout, _ := weirtest.Serve(t).Text(); strings.Contains(stdout, "Token") {
			t.Errorf("with %s it prints:\n%s", keys, stdout)
		}
	}
}

// awaitReceivers publishes to p's topic until so many clients get it, and takes
// what p got of that.
func awaitReceivers(t *testing.T, s *weirtest.Server, topic string, want int, p *peer) {
	t.Helper()
	for {
		_, body := s.Publish(topic, "", "are you there?")
		var told struct {
			Receivers int `json:"receivers_local"`
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil {
			t.Fatal(err)
		}
		p.message()
		if told.Receivers == want {
			return
		}
	}
}

// TestServeUnixSocket: the same over a Unix socket.
func TestServeUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.sock")
	p := weirtest.Start(t, "serve", "--listen", "unix:"+path, "--admin", "127.0.0.1:0")
	curl := p.Stdout(`Publish +(curl .*)`)[1]
	if got, want := weirtest.Shell(t, curl), `"receivers_local":0}`+"\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	answer, err := client.Get("http://localhost/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()
	if answer.StatusCode != 200 {
		t.Errorf("got %s, want 200", answer.Status)
	}
}

// TestServeToAll says so when it listens on more than this machine's own
// addresses. What it prints is an address that can be used.
func TestServeToAll(t *testing.T) {
	p := weirtest.Start(t, "serve", "--listen", ":0", "--admin", "127.0.0.1:0")
	p.Stdout("Whoever reaches this machine may listen; to publish takes the key")
	if host := p.Stdout(`Demo page +http://(\S+)/`)[1]; !strings.HasPrefix(host, "127.0.0.1:") {
		t.Errorf("got %s, want 127.0.0.1", host)
	}
	stdout, _ := weirtest.Serve(t).Text()
	if strings.Contains(stdout, "Whoever") {
		t.Errorf("on the loopback address it says:\n%s", stdout)
	}
}

// TestServeDrains: SIGTERM says goodbye to everyone, and the exit code is 0.
func TestServeDrains(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			s := weirtest.Serve(t)
			var peers []*peer
			for range 20 {
				p := dial(t, s.URL("ws", "/ws?topic=a"))
				p.settle()
				peers = append(peers, p)
			}
			connect := weirtest.Start(t, "connect", s.URL("ws", "/ws?topic=a"))
			awaitReceivers(t, s, "a", len(peers)+1, peers[0])
			s.Signal(signal)
			for _, p := range peers {
				if end := p.end(); end.Code != engine.StatusServiceRestart || !strings.HasPrefix(end.Reason, "retry=") || !end.Peer || !end.Clean {
					t.Errorf("got %v, want a clean 1012 with the time of return", end)
				}
			}
			connect.Stderr(regexp.QuoteMeta("closed by the server: 1012 (service restart)"))
			if code := connect.Wait(); code != 0 {
				t.Errorf("weir connect ended with %d, want 0", code)
			}
			if code := s.Wait(); code != 0 {
				_, stderr := s.Text()
				t.Errorf("it ended with %d, want 0:\n%s", code, stderr)
			}
		})
	}
}

// TestServeIsQuiet: nothing is logged for what clients do.
func TestServeIsQuiet(t *testing.T) {
	s := weirtest.Serve(t)
	p := dial(t, s.URL("ws", "/ws?topic=a"))
	p.settle()
	p.CloseNow()
	p.end()
	if got := weirtest.Run(t, "", "connect", s.URL("ws", "/ws")); got.Exit != 1 {
		t.Errorf("without a topic: got %+v, want exit code 1", got)
	}
	s.Stop()
	_, stderr := s.Text()
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, `"msg":"drain`) {
			t.Errorf("it logged %s", line)
		}
	}
}

// TestServeFinishesRequests: a publication that is under way at SIGTERM is
// answered.
func TestServeFinishesRequests(t *testing.T) {
	s := weirtest.Serve(t)
	p := dial(t, s.URL("ws", "/ws?topic=a"))
	p.settle()
	c, err := net.Dial("tcp", s.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	send := func(text string, wantStatus int) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != wantStatus {
			t.Fatalf("got %s, want %d", answer.Status, wantStatus)
		}
	}
	send("POST /publish/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.Key+"\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", http.StatusContinue)
	s.Signal(syscall.SIGTERM)
	if end := p.end(); end.Code != engine.StatusServiceRestart {
		t.Errorf("got %v, want 1012", end)
	}
	send("hello", http.StatusOK)
	if code := s.Wait(); code != 0 {
		t.Errorf("it ended with %d, want 0", code)
	}
}
