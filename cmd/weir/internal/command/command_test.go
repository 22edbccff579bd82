package command

import (
	"net/http"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

func TestShellWord(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"ws://127.0.0.1:9001/echo", "ws://127.0.0.1:9001/echo"},
		{"ws://h/ws?topic=a&topic=b", "'ws://h/ws?topic=a&topic=b'"},
		{"it's", `'it'\''s'`},
		{"", "''"},
	} {
		if got := shellWord(test.in); got != test.want {
			t.Errorf("%q: got %s, want %s", test.in, got, test.want)
		}
	}
}

func TestParseURL(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"ws://h:1/a?b=c", "ws://h:1/a?b=c"},
		{"h:1", "ws://h:1"},
		{"h", "ws://h"},
		{"[::1]:80/x", "ws://[::1]:80/x"},
		{"http://h/a#frag", "ws://h/a"},
		{"wss://h/", "wss://h/"},
		{"https://h/a#frag", "wss://h/a"},
		{"file:///etc", ""},
		{"ws:///path", ""},
		{"a b", ""},
		{"", ""},
	} {
		got, err := parseURL(test.in)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: got %q, %v, want %q", test.in, got, err, test.want)
		}
		if err != nil && problem.Exit(err) != problem.ExitUsage {
			t.Errorf("%q: exit code: got %d, want %d", test.in, problem.Exit(err), problem.ExitUsage)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	got, err := parseHeaders([]string{"a: 1", "A:2", "x-empty:", "b: c:d "})
	want := http.Header{"A": {"1", "2"}, "X-Empty": {""}, "B": {"c:d"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v, want %v", got, err, want)
	}
	for name := range want {
		if len(got[name]) != len(want[name]) || got.Get(name) != want.Get(name) {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	for _, line := range []string{"", "nothing", ": value", "a b: c", "ä: 1", "Upgrade: x", "sec-websocket-key: x", "Sec-WebSocket-Protocol: chat"} {
		if got, err := parseHeaders([]string{line}); err == nil {
			t.Errorf("%q: got %v, want an error", line, got)
		}
	}
}

// TestVisible: nothing of what others say steers a terminal.
func TestVisible(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"ann", "ann"},
		{`a "friend" \o/ é`, `a "friend" \o/ é`},
		{"\x1b[2J", `"\x1b[2J"`},
		{"\"\u009b2J", `"\"\u009b2J"`},   // CSI in one character
		{"\"\u202etxt", `"\"\u202etxt"`}, // what follows runs backwards
		{"\"\xff", `"\"\xff"`},
	} {
		if got := visible(test.in); got != test.want {
			t.Errorf("%q: got %s, want %s", test.in, got, test.want)
		}
	}
}
