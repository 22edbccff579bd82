package million

import (
	"bytes"
	"testing"
)

func TestParseFrame(t *testing.T) {
	for _, row := range []struct {
		name string
		in   string
		n    int
		op   byte
		bad  bool
	}{
		{"nothing", "", 0, 0, false},
		{"half a header", "\x81", 0, 0, false},
		{"half a frame", "\x81\x02a", 0, 0, false},
		{"text", "\x81\x02ab", 4, opText, false},
		{"pong, and more", "\x8a\x01x\x89", 3, opPong, false},
		{"empty ping", "\x89\x00", 2, opPing, false},
		{"a fragment", "\x01\x00", 0, 0, true},
		{"a reserved bit", "\xc1\x00", 0, 0, true},
		{"masked", "\x81\x80\x00\x00\x00\x00", 0, 0, true},
		{"long", "\x81\x7e\x00\x7e", 0, 0, true},
	} {
		f, n, err := parseFrame([]byte(row.in))
		if n != row.n || f.op != row.op || (err != nil) != row.bad {
			t.Errorf("%s: got %+v, %d and %v, want %d bytes with opcode %d, bad %v", row.name, f, n, err, row.n, row.op, row.bad)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	got := appendFrame([]byte("x"), opText, [4]byte{1, 2, 3, 4}, []byte("abcde"))
	want := []byte{'x', 0x81, 0x85, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 'd' ^ 4, 'e' ^ 1}
	if !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

func TestAccept(t *testing.T) {
	// RFC 6455, 1.3.
	if got, want := accept([]byte("dGhlIHNhbXBsZSBub25jZQ==")), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if bytes.Equal(key(1), key(256)) {
		t.Error("two connections have one key")
	}
}
