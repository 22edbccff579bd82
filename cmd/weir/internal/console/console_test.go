package console

import (
	"net"
	"strings"
	"testing"

	"github.com/weirws/weir/engine"
)

func TestHarmless(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"hello", "hello"},
		{"ä€😀", "ä€😀"},
		{"two\nlines\tand a tab", "two\nlines\tand a tab"},
		{"\x1b[2J\r\x07", `\x1b[2J\x0d\x07`},
		{"\u009b2J", `\x9b2J`},
		{"a\xffb\uFFFDc", "a\\xffb\uFFFDc"},
	} {
		if got := harmless(test.in); got != test.want {
			t.Errorf("%q: got %q, want %q", test.in, got, test.want)
		}
	}
}

func TestComplaint(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"JSON", `{"error":"no topic"}`, "It says: no topic"},
		{"other JSON", `{"code":7}`, `It says: {"code":7}`},
		{"text", "not you\nand more", "It says: not you"},
		{"a page", "<html>no</html>", ""},
		{"nothing", " \n", ""},
		{"escapes", "\x1b[2J", "It says: ?[2J"},
		{"long", strings.Repeat("é", 300), "It says: " + strings.Repeat("é", 200) + "..."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := complaint([]byte(test.in)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		code   engine.StatusCode
		reason string
		want   string
	}{
		{1000, "", "1000 (normal closure)"},
		{1008, "no \x1b", `1008 (policy violation), "no \x1b"`},
		{4999, "mine", `4999, "mine"`},
	} {
		if got := describe(&engine.CloseError{Code: test.code, Reason: test.reason}); got != test.want {
			t.Errorf("%d: got %q, want %q", test.code, got, test.want)
		}
	}
}

func TestInnermost(t *testing.T) {
	err := &net.OpError{Op: "read", Net: "tcp", Err: &net.OpError{Op: "inner", Err: net.ErrClosed}}
	if got, want := innermost(err), net.ErrClosed.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
