package codec

import (
	"bytes"
	"strings"
	"testing"
)

func TestCharacterSets(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []struct {
		name string
		is   func(byte) bool
		set  string
	}{
		{"token", isToken, letters + "!#$%&'*+-.^_`|~"},
		{"host", isHost, letters + "-._~!$&'()*+,;="},
		{"base64", isBase64, letters + "+/"},
		{"hex", isHex, "0123456789abcdefABCDEF"},
	} {
		for b := range 256 {
			if got, want := c.is(byte(b)), strings.IndexByte(c.set, byte(b)) >= 0; got != want {
				t.Errorf("%s: byte %02x: got %v, want %v", c.name, b, got, want)
			}
		}
	}
}

// Only the letters of ASCII have a case.
func TestEqualFold(t *testing.T) {
	lower := func(b byte) byte {
		if b >= 'A' && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return b
	}
	for a := range 256 {
		for b := range 256 {
			got := equalFold([]byte{byte(a)}, string([]byte{byte(b)}))
			if want := lower(byte(a)) == lower(byte(b)); got != want {
				t.Fatalf("bytes %02x and %02x: got %v, want %v", a, b, got, want)
			}
		}
	}
	if equalFold("a", "ab") || equalFold("\u212a", "k") {
		t.Fatal("strings of different length are equal")
	}
}

func TestHasElement(t *testing.T) {
	for _, c := range []struct {
		list string
		want bool
	}{
		{"upgrade", true}, {"a, Upgrade", true}, {"upgrade,a", true}, {"a,\tupgrade\t,b", true}, {",upgrade", true},
		{"", false}, {"upgraded", false}, {"a upgrade", false}, {"up,grade", false}, {"\"upgrade\"", false},
	} {
		if got := hasElement(c.list, "upgrade"); got != c.want {
			t.Errorf("%q: got %v, want %v", c.list, got, c.want)
		}
	}
}

// Each byte at each place of a word, among bytes at the edges.
func TestValidBytes(t *testing.T) {
	for _, fill := range []byte{' ', '~', 0x80, 0xff} {
		for c := range 256 {
			for length := range 20 {
				for at := range length {
					b := bytes.Repeat([]byte{fill}, length)
					b[at] = byte(c)
					want := c >= ' ' && c != 0x7f || c == '\t'
					if got := validBytes(b); got != want || validValue(b) != want {
						t.Fatalf("% x: got %v, want %v", b, got, want)
					}
				}
			}
		}
	}
}
