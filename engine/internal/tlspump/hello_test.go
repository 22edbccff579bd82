package tlspump

import (
	"bytes"
	"testing"
)

// TestGreet: the hello comes as two records of the same bytes, and what follows it as it is.
func TestGreet(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"even", "\x16\x03\x01\x00\x06abcdef", "\x16\x03\x01\x00\x03abc\x16\x03\x01\x00\x03def"},
		{"odd, and more", "\x16\x03\x03\x00\x05abcde\x14\x03\x03\x00\x01x", "\x16\x03\x03\x00\x02ab\x16\x03\x03\x00\x03cde\x14\x03\x03\x00\x01x"},
		{"one byte", "\x16\x03\x01\x00\x01a", "\x16\x03\x01\x00\x01a"},
		{"empty", "\x16\x03\x01\x00\x00", "\x16\x03\x01\x00\x00"},
		{"an alert", "\x15\x03\x01\x00\x02ab", "\x15\x03\x01\x00\x02ab"},
		{"too long for one", "\x16\x03\x01\xff\xff", "\x16\x03\x01\xff\xff"},
	} {
		p := Server(nowhere{}, nil)
		p.Begin(NewSlots(1), nil, nil).Greet([]byte(row.in))
		if !bytes.Equal(p.t.in, []byte(row.want)) {
			t.Errorf("%s: got %q, want %q", row.name, p.t.in, row.want)
		}
	}
}

// TestGreetShakesHands: crypto/tls takes the two records for one hello.
func TestGreetShakesHands(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		greeted := 0
		pairOf(t, version, func(server *Handshake, b []byte) {
			if greeted++; greeted == 1 {
				server.Greet(b)
				return
			}
			server.Feed(b)
		})
		if greeted < 2 {
			t.Errorf("the server was fed %d times", greeted)
		}
	})
}
