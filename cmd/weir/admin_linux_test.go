package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestAdminMistakes: what is wrong with --admin is said, with what to do.
func TestAdminMistakes(t *testing.T) {
	s := weirtest.Serve(t)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") }))
	t.Cleanup(foreign.Close)
	for _, test := range []struct {
		name, admin string
		exit        int
		want        string
	}{
		{"the public port", s.Host, 1, "is not the admin port of a weir serve.\n      That is another one than clients connect to: admin.addr, which is 127.0.0.1:8081"},
		{"another program's", foreign.URL, 1, "is not the admin port of a weir serve"},
		{"nobody's", "127.0.0.1:1", 1, "nothing listens on http://127.0.0.1:1.\n      Is weir serve running?"},
		{"no socket", "unix:/nowhere/weir.sock", 1, "nothing listens on unix:/nowhere/weir.sock"},
		{"TLS", "https://" + s.Admin, 1, "does not speak TLS.\n      Try: --admin http://" + s.Admin},
		{"another scheme", "ftp://" + s.Admin, 2, "--admin is a URL with http:// or https://, and not ftp://"},
		{"no host", "http://", 2, "names no host"},
		{"a port in words", "127.0.0.1:admin", 2, `has the port "admin"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, command := range []string{"conns", "topics", "kick 5", "tail news", "top -o json", "drain"} {
				args := append(strings.Fields(command), "--admin", test.admin)
				got := weirtest.Run(t, "", args...)
				if got.Exit != test.exit || !strings.Contains(got.Stderr, test.want) || got.Stdout != "" {
					t.Errorf("weir %s: got %+v, want %d and %q", command, got, test.exit, test.want)
				}
			}
		})
	}
}

// TestAdminHost: a host alone is one with the usual port.
func TestAdminHost(t *testing.T) {
	got := weirtest.Run(t, "", "conns", "--admin", "127.0.0.255")
	if got.Exit != 1 || !strings.Contains(got.Stderr, "http://127.0.0.255:8081") {
		t.Errorf("got %+v", got)
	}
}

// TestAdminUnixSocket: operators may be kept off the network altogether.
func TestAdminUnixSocket(t *testing.T) {
	at := "unix:" + t.TempDir() + "/admin.sock"
	p := weirtest.Start(t, "serve", "--listen", "127.0.0.1:0", "--admin", at)
	p.Stdout("Operators +weir top --admin " + regexp.QuoteMeta(at) + "\n")
	if got := weirtest.Run(t, "", "topics", "--admin", at); got.Exit != 0 || !strings.HasPrefix(got.Stdout, "TOPIC ") {
		t.Errorf("got %+v", got)
	}
}

// TestManyTopics: a connection with many topics is still a line.
func TestManyTopics(t *testing.T) {
	s := weirtest.Serve(t)
	url := s.URL("ws", "/ws?topic=t00")
	for i := 1; i < 100; i++ {
		url += fmt.Sprintf("&topic=t%02d", i)
	}
	dial(t, url).settle()
	if got := weirtest.Run(t, "", "conns", "--admin", s.Admin); !strings.Contains(got.Stdout, " t00 t01 t02 t03 t04 and 95 more\n") {
		t.Errorf("got %s", got.Stdout)
	}
}

// TestCompletionOfServer: shells are told the values of flags, and what the server has.
func TestCompletionOfServer(t *testing.T) {
	s := weirtest.Serve(t)
	c := dial(t, s.URL("ws", "/ws?topic=news"))
	c.settle()
	id := regexp.MustCompile(`"id": (\d+)`).FindStringSubmatch(weirtest.Run(t, "", "conns", "--admin", s.Admin, "-o", "json").Stdout)[1]
	for _, test := range []struct {
		line string
		want []string
	}{
		{"kick --admin " + s.Admin + " ", []string{id + "\t127.0.0.1", ":4"}},
		{"tail --admin " + s.Admin + " ", []string{"news\t1 subscribers", ":4"}},
		{"kick --admin 127.0.0.1:1 ", []string{":4"}},
		{"conns -o ", []string{"text", "json", ":4"}},
		{"serve ", []string{":4"}},
		{"serve --config ", []string{"yaml", "yml", ":8"}},
		{"drain --f", []string{"--for\tover how long, if not drain.duration", ":4"}},
		{"completion ", []string{"bash", "zsh", "fish", "powershell", ":4"}},
		{"config ", []string{"print\tPrint what holds, the defaults, the schema, or the variables", ":4"}},
		{"help config ", []string{"print\tPrint what holds, the defaults, the schema, or the variables", ":4"}},
	} {
		got := weirtest.Run(t, "", append([]string{"__complete"}, strings.Split(test.line, " ")...)...)
		if want := strings.Join(test.want, "\n") + "\n"; got.Exit != 0 || got.Stdout != want {
			t.Errorf("weir %s: got %q, want %q", test.line, got.Stdout, want)
		}
	}
	t.Setenv("WEIR_ADMIN_ADDR", s.Admin)
	for _, command := range []string{"pub", "sub"} {
		if got := weirtest.Run(t, "", "__complete", command, ""); got.Stdout != "news\t1 subscribers\n:4\n" {
			t.Errorf("%s: got %+v", command, got)
		}
	}
}

// TestPubTerminal: who types a message is told how to end it.
func TestPubTerminal(t *testing.T) {
	s := weirtest.Serve(t)
	c := dial(t, s.URL("ws", "/ws?topic=news"))
	c.settle()
	pub := inTerminal(t, []string{"WEIR_PUBLISH_KEY=" + s.Key}, "pub", "--url", s.Host, "news")
	pub.want("Ctrl-D at the beginning of a line ends it")
	pub.press("hello\r\x04")
	pub.want(`to 1 receiver, as \S+\n$`)
	pub.end(0)
	if m := c.message(); m.String() != "hello\n" {
		t.Errorf("got %q", m)
	}
}

// colours are those of ECMA-48.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// TestNoColours: neither NO_COLOR nor a pipe gets any from what operators run.
func TestNoColours(t *testing.T) {
	s := weirtest.Serve(t)
	dial(t, s.URL("ws", "/ws?topic=news")).settle()
	top := inTerminal(t, nil, "top", "--admin", s.Admin)
	top.wantScreen(`news +1 `)
	top.press("q")
	top.end(0)
	if !regexp.MustCompile(`\x1b\[[0-9;]*3[0-9]m|\x1b\[[0-9;]*[17]m`).MatchString(top.raw()) {
		t.Error("weir top shows nothing in another way")
	}
	plain := inTerminal(t, []string{"NO_COLOR=1"}, "top", "--admin", s.Admin)
	plain.wantScreen(`news +1 `)
	s.Stop()
	plain.wantScreen(`trying again`)
	plain.press("q")
	plain.end(0)
	if found := regexp.MustCompile(`\x1b\[(?:[0-9;]*;)?[34][0-7](?:;[0-9;]*)?m`).FindString(plain.raw()); found != "" {
		t.Errorf("with NO_COLOR weir top writes %q", found)
	}
	for _, args := range [][]string{{"doctor"}, {"conns", "--admin", s.Admin}, {"config", "print"}} {
		got := weirtest.Run(t, "", args...)
		if colours.MatchString(got.Stdout + got.Stderr) {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}

// TestDrainJSON: a line each second, and the drain that is under way is shown to
// whoever asks again.
func TestDrainJSON(t *testing.T) {
	s := draining(t, 0, time.Hour)
	crowd(t, s, 10)
	p := weirtest.Start(t, "drain", "--admin", s.Admin, "--for", "5s", "-o", "json")
	awaitUnready(t, s)
	again := weirtest.Start(t, "drain", "--admin", s.Admin)
	again.Stderr("a drain is under way already")
	if code := p.Wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	again.Stdout(`drained: the server has ended, and no connection was left\n`)
	out, _ := p.Text()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, line := range lines {
		var d struct {
			Active      bool
			Total, Left int
		}
		if err := json.Unmarshal([]byte(line), &d); err != nil || !d.Active || i == len(lines)-1 && d.Left != 0 {
			t.Errorf("line %d of %d is %s, %v", i+1, len(lines), line, err)
		}
	}
}

// TestDrainLeft: weir drain says, as weir serve does, that sockets were left.
func TestDrainLeft(t *testing.T) {
	s := draining(t, 0, 24*time.Hour)
	crowd(t, s, 10)
	p := weirtest.Start(t, "drain", "--admin", s.Admin, "--for", "24h", "-o", "json")
	p.Stdout(`"left":10`)
	s.Signal(syscall.SIGTERM)
	s.Stderr("under way already")
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 4 {
		t.Errorf("weir serve ended with %d", code)
	}
	if code := p.Wait(); code != 4 {
		_, stderr := p.Text()
		t.Errorf("weir drain ended with %d: %s", code, stderr)
	}
}

// TestDrainUnseen: of a server that ends before it has told how many connections
// there are nothing is said of them.
func TestDrainUnseen(t *testing.T) {
	ends := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"active":true}`)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(ends.Close)
	got := weirtest.Run(t, "", "drain", "--admin", ends.URL)
	if want := "drained: the server has ended\n"; got != (weirtest.Result{Stdout: want}) {
		t.Errorf("got %+v, want %q", got, want)
	}
}

// TestAdminSilent: a port that takes connections and says nothing is not waited
// for without an end.
func TestAdminSilent(t *testing.T) {
	t.Parallel() // it waits
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := weirtest.Start(t, "conns", "--admin", ln.Addr().String())
	p.Stderr("does not answer")
	if code := p.Wait(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
}

// TestTokenTerminal: a token that is minted at a terminal lets in, and what holds
// is shown there without secrets.
func TestTokenTerminal(t *testing.T) {
	const secret = "a secret of at least thirty-two bytes"
	path := weirtest.File(t, "weir.yaml", "listen: {addr: \"127.0.0.1:0\"}\nadmin: {addr: \"127.0.0.1:0\"}\nauth: {keys: [{alg: HS256, secret: \""+secret+"\"}], publish_keys: [{name: test, secret: \""+secret+"\", topics: [\"*\"]}]}\ndrain: {delay: 0s, duration: 0s}\n")
	s := weirtest.ServeFile(t, path)
	s.Key = secret
	minted := inTerminal(t, nil, "token", "-c", path, "--user", "ann", "--topic", "news*", "--ttl", "1h")
	minted.want(`^[\w-]+\.[\w-]+\.[\w-]+\n$`)
	minted.end(0)
	token := strings.TrimSpace(minted.text())
	sub := inTerminal(t, []string{"WEIR_TOKEN=" + token}, "sub", "--url", s.Host, "news")
	publishUntil(s, "news", "hello", func() bool { return strings.Contains(sub.text(), "hello") }) // it knows then that it is connected
	if got := weirtest.Run(t, "", "conns", "--admin", s.Admin, "--user", "ann"); !strings.Contains(got.Stdout, " ann ") {
		t.Errorf("the user is not there: got %+v", got)
	}
	sub.press("\x03")
	sub.end(0)
	for env, want := range map[string]string{"WEIR_TOKEN=" + token: "403", "WEIR_TOKEN=": "401"} {
		refused := inTerminal(t, []string{env}, "sub", "--url", s.Host, "secret")
		refused.want(`answered ` + want)
		refused.end(1)
	}
	print := inTerminal(t, nil, "config", "print", "-c", path)
	print.want(`log:\n  level: info # default\n  format: auto # default\n$`)
	print.end(0)
	if text := print.text(); strings.Contains(text, secret) || !strings.Contains(text, `secret: "***"`) {
		t.Errorf("it shows\n%s", text)
	}
}
