package codec

import (
	"strings"
	"testing"
)

func TestSelectSubprotocol(t *testing.T) {
	for _, c := range []struct {
		name, offered, supported, want string // offered: fields, split at |
	}{
		{"the client's first", "b, a", "a b", "b"},
		{"over fields", "x|y, b|a", "a b", "b"},
		{"none offered", "", "a", ""},
		{"none supported", "a, b", "", ""},
		{"no common one", "a, b", "c", ""},
		{"space around it", " \ta\t , b", "a", "a"},
		{"case counts", "CHAT, chat", "chat", "chat"},
		{"no part of one", "chatty, cha", "chat", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields, head := []string(nil), "GET / HTTP/1.1\r\nHost: a\r\n"
			if c.offered != "" {
				fields = strings.Split(c.offered, "|")
			}
			for _, f := range fields {
				head += "Sec-WebSocket-Protocol: " + f + "\r\n"
			}
			supported := strings.Fields(c.supported)
			if got := SelectSubprotocol(fields, supported); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var r Request
			if _, err := r.Parse([]byte(head+"\r\n"), Limits{}); err != nil {
				t.Fatal(err)
			}
			if got := r.SelectSubprotocol(supported); got != c.want {
				t.Errorf("of the Request: got %q, want %q", got, c.want)
			}
		})
	}
}
