package main_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// publishUntil publishes a message again and again until something is seen of
// it: who watches may not have begun yet. A peer has room for a thousand.
func publishUntil(s *weirtest.Server, topic, text string, seen func() bool) {
	for n := 0; !seen() && n < 900; n++ {
		s.Publish(topic, "text/plain", text)
		time.Sleep(50 * time.Millisecond)
	}
}

// TestPubSub: what one terminal publishes another prints.
func TestPubSub(t *testing.T) {
	s := weirtest.Serve(t)
	key := "WEIR_PUBLISH_KEY=" + s.Key
	sub := inTerminal(t, nil, "sub", "--url", s.Host, "--count", "3", "news", "chat")
	topics := func() string {
		return weirtest.Run(t, "", "topics", "--admin", s.Admin, "-o", "json").Stdout
	}
	for !strings.Contains(topics(), "chat") { // each look takes a while
	}
	pub := inTerminal(t, []string{key}, "pub", "--url", s.Host, "news", "hello \x1b[2J")
	pub.want(`to 1 receiver, as \S+\n$`)
	pub.end(0)
	got := withEnv(t, []string{key}, "pub", "--url", "http://"+s.Host, "chat", "two\nlines", "-o", "json")
	var answer struct {
		ID        string
		Receivers int `json:"receivers_local"`
	}
	if err := json.Unmarshal([]byte(got.Stdout), &answer); err != nil || answer.Receivers != 1 || answer.ID == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	again := withEnv(t, []string{key}, "pub", "--url", s.Host, "news", "once", "--idempotency-key", "k")
	if twice := withEnv(t, []string{key}, "pub", "--url", s.Host, "news", "once", "--idempotency-key", "k"); again.Exit != 0 || twice.Stdout != again.Stdout {
		t.Errorf("with the same key: got %+v, then %+v", again, twice)
	}
	sub.want(`^hello \\x1b\[2J\ntwo\nlines\nonce\n$`) // and no mark, and no control character
	sub.end(0)

	for _, test := range []struct {
		env, args []string
		want      string
	}{
		{nil, []string{"pub", "--url", s.Host, "news", "x"}, "export WEIR_PUBLISH_KEY="},
		{[]string{"WEIR_PUBLISH_KEY=wrong"}, []string{"pub", "--url", s.Host, "news", "x"}, "wants a key, or another one"},
		{nil, []string{"pub", "--url", "http://127.0.0.1:1", "news", "x"}, "nothing listens on http://127.0.0.1:1"},
		{[]string{key}, []string{"pub", "--url", s.Host, "news", strings.Repeat("x", 70_000)}, "the server refuses: "},
	} {
		if got := withEnv(t, test.env, test.args...); got.Exit != 1 || !strings.Contains(got.Stderr, test.want) {
			t.Errorf("%v: got %+v, want %q", test.args, got, test.want)
		}
	}
}

// TestSubJSON: a line for each message, with what it is; the one that says that
// all is ready is none of those that are counted.
func TestSubJSON(t *testing.T) {
	s := weirtest.Serve(t)
	p := weirtest.Start(t, "sub", "--url", s.Host, "-o", "json", "--count", "1", "news")
	p.Stdout(`"topics":\["news"\]`)
	s.Publish("news", "text/plain", "hello")
	line := p.Stdout(`(?m)^(\{.*hello.*\})$`)[1]
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil || m["topic"] != "news" {
		t.Errorf("got %s, %v", line, err)
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("it ended with %d, want 0", code)
	}
}

// TestOperators: a connection is found, followed and kicked.
func TestOperators(t *testing.T) {
	s := weirtest.Serve(t)
	c := dial(t, s.URL("ws", "/ws?topic=news"))
	c.settle()

	conns := inTerminal(t, nil, "conns", "--admin", s.Admin, "--topic", "news")
	conns.want(`ID +USER +ADDRESS +AGE +PENDING +IN +OUT +TOPICS\n(\d+) +- +127\.0\.0\.1 .* news\n1 shown of 1 connections\n$`)
	conns.end(0)
	var listed struct {
		Conns []struct {
			ID     uint64
			Topics []string
		}
		Total int
	}
	got := weirtest.Run(t, "", "conns", "--admin", s.Admin, "-o", "json")
	if err := json.Unmarshal([]byte(got.Stdout), &listed); err != nil || len(listed.Conns) != 1 || listed.Conns[0].Topics[0] != "news" {
		t.Fatalf("got %+v, %v", got, err)
	}
	id := strconv.FormatUint(listed.Conns[0].ID, 10)
	if got := weirtest.Run(t, "", "conns", "--admin", s.Admin, "--user", "nobody", "-o", "json"); !strings.Contains(got.Stdout, `"conns": []`) {
		t.Errorf("got %+v", got)
	}

	tail := inTerminal(t, nil, "tail", "--admin", s.Admin, "--payloads", "news")
	ofConn := weirtest.Start(t, "tail", "--admin", s.Admin, "--conn", id, "-o", "json")
	publishUntil(s, "news", "hello", func() bool { return strings.Contains(tail.text(), "hello") })
	tail.want(`\d\d:\d\d:\d\d\.\d{3}  publish  news  .*5 B  to 1  "hello"\n`)
	publishUntil(s, "news", "secret words", func() bool { out, _ := ofConn.Text(); return strings.Contains(out, "publish") })
	if out, _ := ofConn.Text(); strings.Contains(out, "secret words") {
		t.Error("what messages say is shown, and nobody asked for it")
	}

	kick := inTerminal(t, nil, "kick", "--admin", s.Admin, id)
	kick.want(`^closed ` + id + `\n$`)
	kick.end(0)
	if end := c.end(); end.Code != engine.StatusPolicyViolation {
		t.Errorf("got %v", end)
	}
	ofConn.Stdout(`"what":"close"`)
	tail.press("\x03")
	tail.end(0)

	if got := weirtest.Run(t, "", "kick", "--admin", s.Admin, id); got.Exit != 1 || !strings.Contains(got.Stderr, "there is no connection "+id) {
		t.Errorf("again: got %+v", got)
	}
	if got := weirtest.Run(t, "", "kick", "--admin", s.Admin, "ann"); got.Exit != 2 || !strings.Contains(got.Stderr, "weir conns") {
		t.Errorf("a name: got %+v", got)
	}
	if got := weirtest.Run(t, "", "conns", "--admin", "127.0.0.1:1"); got.Exit != 1 || !strings.Contains(got.Stderr, "nothing listens on http://127.0.0.1:1") {
		t.Errorf("nobody there: got %+v", got)
	}
}

// TestOperatorsToken: the token of the configuration, or of the environment, is
// sent, and a wrong one explained.
func TestOperatorsToken(t *testing.T) {
	const secret = "an operator's own secret"
	path := weirtest.File(t, "weir.yaml", "listen: {addr: \"127.0.0.1:0\"}\nadmin: {addr: \"127.0.0.1:0\", token: \""+secret+"\"}\nauth: {anonymous: {subscribe: [\"*\"]}}\ndrain: {delay: 0s, duration: 0s}\n")
	s := weirtest.ServeFile(t, path)
	for _, test := range []struct {
		env, args []string
		exit      int
	}{
		{nil, nil, 1},
		{[]string{"WEIR_ADMIN_TOKEN=" + secret}, nil, 0},
		{[]string{"WEIR_ADMIN_TOKEN=another operator's"}, nil, 1},
		{nil, []string{"-c", path}, 0},
	} {
		got := withEnv(t, test.env, append([]string{"topics", "--admin", s.Admin}, test.args...)...)
		if got.Exit != test.exit || test.exit == 1 && !strings.Contains(got.Stderr, "export WEIR_ADMIN_TOKEN=") {
			t.Errorf("%v, %v: got %+v", test.env, test.args, got)
		}
	}
}

// TestTop: it moves, sorts, changes its list, outlives its server, and leaves
// the terminal as it was.
func TestTop(t *testing.T) {
	s := weirtest.Serve(t)
	for i := range 3 {
		for range i + 1 {
			dial(t, s.URL("ws", fmt.Sprintf("/ws?topic=topic-%d", i))).settle()
		}
	}
	top := inTerminal(t, nil, "top", "--admin", s.Admin)
	top.wantScreen(`connections 6 `)
	top.wantScreen(`(?s)TOPIC +SUBSCRIBERS +PUBLISHED.*topic-2 +3 .*topic-1 +2 .*topic-0 +1 `)
	publishUntil(s, "topic-0", "hello", func() bool { return regexp.MustCompile(`published [1-9]`).MatchString(top.screen()) })
	top.wantScreen(`topic-0 +1 +[1-9]`)
	top.press("n")
	top.wantScreen(`(?s)topic-0.*topic-1.*topic-2.*\[n name\]`)
	top.press("c")
	top.wantScreen(`(?s)ADDRESS.*127\.0\.0\.1.*\[p pending\]`)
	top.press("a")
	top.wantScreen(`\[a age\]`)
	s.Stop()
	top.wantScreen(`trying again`)
	again := weirtest.Start(t, "serve", "--listen", "127.0.0.1:0", "--admin", s.Admin)
	top.wantScreen(`connections 0 `)
	again.Signal(syscall.SIGTERM)
	top.wantScreen(`trying again`)
	top.press("q")
	top.end(0)
	top.wantRaw("\x1b[?1049h") // a screen of its own
	top.wantRaw("\x1b[?1049l") // and back

	if got := weirtest.Run(t, "", "top", "--admin", s.Admin); got.Exit != 2 || !strings.Contains(got.Stderr, "weir top -o json") {
		t.Errorf("in a pipe: got %+v", got)
	}
	gone := inTerminal(t, nil, "top", "--admin", s.Admin)
	gone.want(`nothing listens on http://` + s.Admin)
	gone.end(1)
}

func TestTopJSON(t *testing.T) {
	s := weirtest.Serve(t)
	p := weirtest.Start(t, "top", "--admin", s.Admin, "-o", "json")
	line := p.Stdout(`(?m)^(\{"at".*\})$`)[1]
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil || m["connections"] != 0.0 {
		t.Errorf("got %s, %v", line, err)
	}
}

// TestDrainCommand: it shows how far the drain is, and ends with the server.
func TestDrainCommand(t *testing.T) {
	s := weirtest.Serve(t)
	var peers []*peer
	for range 10 {
		p := dial(t, s.URL("ws", "/ws?topic=news"))
		p.settle()
		peers = append(peers, p)
	}
	drain := inTerminal(t, nil, "drain", "--admin", s.Admin, "--for", "3s")
	for _, p := range peers {
		if end := p.end(); end.Code != engine.StatusServiceRestart || !strings.HasPrefix(end.Reason, "retry=") {
			t.Errorf("got %v", end)
		}
	}
	drain.want(`drained: the server has ended`)
	drain.end(0)
	if bar := regexp.MustCompile(`\[[#.]{40}\] \d+ of 10 left`); !bar.MatchString(drain.raw()) { // it is wiped off at the end
		t.Errorf("it shows no progress: %q", drain.raw())
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
}
