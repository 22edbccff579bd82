package codec

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// boundaryRunes are the first and last characters of each length and of each
// range in the table of unicode/utf8, and their neighbours.
func boundaryRunes() []rune {
	var runes []rune
	previous := -1
	for r := range rune(utf8.MaxRune + 2) {
		// What distinguishes a character to a validator: its length (-1: none),
		// and the class of its first byte.
		kind := utf8.RuneLen(r)
		if utf8.ValidRune(r) {
			kind = kind*256 + int(string(r)[0])
		}
		if kind != previous {
			for _, b := range []rune{r - 1, r} {
				if utf8.ValidRune(b) {
					runes = append(runes, b)
				}
			}
		}
		previous = kind
	}
	return runes
}

// boundarySequences are the boundary characters and everything near them: each
// encoding with a byte left out, doubled, or moved to the edge of a range.
func boundarySequences() []string {
	seen := map[string]bool{}
	var all []string
	add := func(b []byte) {
		if s := string(b); !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff}
	for _, r := range boundaryRunes() {
		b := utf8.AppendRune(nil, r)
		add(b)
		for i := range b {
			add(append(bytes.Clone(b[:i]), b[i+1:]...))
			add(append(append(bytes.Clone(b[:i]), b[i]), b[i:]...))
			for _, e := range edges {
				c := bytes.Clone(b)
				c[i] = e
				add(c)
			}
		}
	}
	return all
}

// firstBad returns how many bytes of s can begin a text: len(s) when all can.
func firstBad(s string) int {
	for i := range len(s) {
		if !validBeginning([]byte(s[:i+1])) {
			return i
		}
	}
	return len(s)
}

func TestBoundaryRunes(t *testing.T) {
	runes := boundaryRunes()
	for _, want := range []rune{0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff} {
		found := false
		for _, r := range runes {
			found = found || r == want
		}
		if !found {
			t.Errorf("%U is missing", want)
		}
	}
}

// All sequences of up to four bytes whose bytes after the first are at the edge
// of a range: valid or not as unicode/utf8 has it, alone and inside a text, and
// false at the very byte that is wrong.
func TestUTF8AllSequences(t *testing.T) {
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}
	var check func(b []byte)
	check = func(b []byte) {
		var u UTF8
		if got, want := u.Valid(b, true), utf8.Valid(b); got != want {
			t.Fatalf("% x: got %v, want %v", b, got, want)
		}
		u = UTF8{}
		valid := true
		for i := range b {
			valid = u.Valid(b[i:i+1], false)
			if want := validBeginning(b[:i+1]); valid != want {
				t.Fatalf("% x at byte %d: got %v, want %v", b, i, valid, want)
			}
		}
		// What is wrong already stays so; longer ones of it say nothing new.
		if len(b) < utf8.UTFMax && valid {
			for _, e := range edges {
				check(append(b[:len(b):len(b)], e))
			}
		}
	}
	for first := range 256 {
		check([]byte{byte(first)})
	}
}

// The table is what table 3-7 of the Unicode standard says.
func TestUTF8Rows(t *testing.T) {
	next := map[uint64]func(c byte) uint64{
		stBad: func(byte) uint64 { return stBad },
		stText: func(c byte) uint64 {
			switch {
			case c < 0x80:
				return stText
			case c < 0xc2, c > 0xf4:
				return stBad
			case c < 0xe0:
				return stC1
			case c == 0xe0:
				return stE0
			case c == 0xed:
				return stED
			case c < 0xf0:
				return stC2
			case c == 0xf0:
				return stF0
			case c == 0xf4:
				return stF4
			}
			return stC3
		},
	}
	for state, r := range map[uint64]struct {
		low, high byte
		then      uint64
	}{
		stC1: {0x80, 0xbf, stText}, stC2: {0x80, 0xbf, stC1}, stC3: {0x80, 0xbf, stC2},
		stE0: {0xa0, 0xbf, stC1}, stED: {0x80, 0x9f, stC1}, stF0: {0x90, 0xbf, stC2}, stF4: {0x80, 0x8f, stC2},
	} {
		next[state] = func(c byte) uint64 {
			if c < r.low || c > r.high {
				return stBad
			}
			return r.then
		}
	}
	for state, f := range next {
		for c := range 256 {
			if got, want := utf8Rows[c]>>state&63, f(byte(c)); got != want {
				t.Errorf("byte %02x in state %d: got %d, want %d", c, state, got, want)
			}
		}
	}
}

// Every boundary sequence at every position in the blocks of the fast path, and
// cut anywhere.
func TestUTF8Positions(t *testing.T) {
	for _, s := range boundarySequences() {
		for before := range 40 {
			b := []byte(strings.Repeat("a", before) + s + "tail of the text"[:before%17])
			want := utf8.Valid(b)
			if got := validText(b); got != want {
				t.Fatalf("% x: validText got %v, want %v", b, got, want)
			}
			var u UTF8
			if got := u.Valid(b, true); got != want {
				t.Fatalf("% x: got %v, want %v", b, got, want)
			}
			if want && u != (UTF8{}) {
				t.Fatalf("% x: not ready for the next text", b)
			}
			cut := before + len(s)/2
			u = UTF8{}
			if got := u.Valid(b[:cut], false) && u.Valid(b[cut:], true); got != want {
				t.Fatalf("% x cut at %d: got %v, want %v", b, cut, got, want)
			}
		}
	}
}

func TestUTF8StaysFalse(t *testing.T) {
	var u UTF8
	if u.Valid([]byte{0xff}, false) || u.Valid([]byte("fine again, and more than eight bytes"), false) || u.Valid(nil, true) {
		t.Fatal("true after a bad byte")
	}
}

// fragment is one way to send s: cut in two at cut, in one frame or in several
// with empty ones between.
func fragments(s string, cut int) map[string][]byte {
	return map[string][]byte{
		"one frame":     frame(OpText, true, s),
		"two frames":    join(frame(OpText, false, s[:cut]), frame(OpContinuation, true, s[cut:])),
		"with empty":    join(frame(OpText, false, s[:cut]), frame(OpContinuation, false, ""), frame(OpPing, true, ""), frame(OpContinuation, true, s[cut:])),
		"three, longer": join(frame(OpText, false, "weir "+s[:cut]), frame(OpContinuation, false, s[cut:]), frame(OpContinuation, true, " weir")),
	}
}

// RFC 6455, 8.1, over all boundary sequences: split at each byte of the text
// over fragments, and at each byte of the frames over calls.
func TestHostile39BoundarySequences(t *testing.T) {
	for _, s := range boundarySequences() {
		for cut := range len(s) + 1 {
			for name, in := range fragments(s, cut) {
				whole := decode(t, &Config{}, in)
				if valid := utf8.ValidString(s); valid != (whole.err == nil) {
					t.Fatalf("% x, %s: got %v, valid is %v", s, name, whole.err, valid)
				}
				if whole.err != nil && whole.err.Code != 1007 {
					t.Fatalf("% x, %s: got %v, want 1007", s, name, whole.err)
				}
				for _, sizes := range [][]byte{{1}, {byte(7 + cut)}} {
					if got := decodeCut(t, &Config{}, in, sizes, false); got.String() != whole.String() {
						t.Fatalf("% x, %s, in pieces of %d:\n%swant\n%s", s, name, sizes, got, whole)
					}
				}
			}
		}
		if len(s) > 0 && !utf8.ValidString(s) {
			mustFailCode(t, frame(OpClose, true, "\x03\xe8"+s), 1007)
		} else {
			f := decode(t, &Config{}, frame(OpClose, true, "\x03\xe8"+s))
			if f.String() != closing(1000, s)+"\n" {
				t.Fatalf("close with % x: got %s", s, f)
			}
		}
	}
}

func mustFailCode(t *testing.T, in []byte, code StatusCode) {
	t.Helper()
	if f := decode(t, &Config{}, in); f.err == nil || f.err.Code != code {
		t.Fatalf("% x: got %v, want %d", in, f.err, code)
	}
}

// The text fails at its first bad byte, although the frame goes on and the
// message too.
func TestHostile40FailFast(t *testing.T) {
	for _, s := range boundarySequences() {
		bad := firstBad(s)
		for _, before := range []string{"", "abc", "more than eight bytes of text, more than thirty-two of them "} {
			text := before + s
			head := lengthHead(OpText, 2, 60_000) // a frame that is far from whole
			head[0] &^= 0x80                      // of a message that is not either
			f := decode(t, &Config{}, join(head, []byte(text[:len(before)+bad])))
			if f.err != nil {
				t.Fatalf("% x: got %v before the bad byte", s, f.err)
			}
			if bad == len(s) {
				continue
			}
			f.feed([]byte{s[bad]})
			if f.err == nil || f.err.Code != 1007 {
				t.Fatalf("% x: got %v at bad byte %d, want 1007", s, f.err, bad)
			}
		}
	}
}

// The same where bytes are read straight into the message.
func TestHostile40FailFastInRoom(t *testing.T) {
	f := newFeeder(t, &Config{}, true)
	f.feed(lengthHead(OpText, 2, 60_000))
	f.feed([]byte("text \xe2\x82"))
	if f.err != nil || len(f.d.Room()) == 0 {
		t.Fatalf("got %v, room of %d", f.err, len(f.d.Room()))
	}
	f.feed([]byte("x"))
	if f.err == nil || f.err.Code != 1007 {
		t.Fatalf("got %v, want 1007", f.err)
	}
}

func TestHostile41CutCharacter(t *testing.T) {
	for _, s := range []string{"\xc3", "\xe2\x82", "\xf0\x9f\x98", "ab\xf0"} {
		mustFail(t, &Config{}, frame(OpText, true, s), 1007)
		mustFail(t, &Config{}, join(frame(OpText, false, s[:1]), frame(OpContinuation, true, s[1:])), 1007)
		mustFail(t, &Config{}, join(frame(OpText, false, s), frame(OpContinuation, true, "")), 1007)
		mustGive(t, &Config{}, frame(OpBinary, true, s), binaryMessage(s))
		mustGive(t, &Config{}, join(frame(OpBinary, false, s[:1]), frame(OpContinuation, true, s[1:])), binaryMessage(s))
	}
	// A new text does not go on where another ended.
	mustFail(t, &Config{}, join(frame(OpBinary, true, "\xe2\x82"), frame(OpText, true, "\xac")), 1007)
}

// FuzzUTF8: any split is as valid as unicode/utf8 says the whole is, and never
// false too early.
func FuzzUTF8(f *testing.F) {
	f.Add([]byte("Hello, wörld, 日本語, 😀 and so on"), byte(3))
	f.Add([]byte("\xed\xa0\x80"), byte(1))
	f.Add([]byte("\xf4\x90\x80\x80"), byte(2))
	f.Add([]byte("plain text of more than thirty-two bytes\xc0"), byte(9))
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		want := utf8.Valid(b)
		var whole UTF8
		if got := whole.Valid(b, true); got != want {
			t.Fatalf("whole: got %v, want %v", got, want)
		}
		if got := validText(b); got != want {
			t.Fatalf("validText: got %v, want %v", got, want)
		}
		var u UTF8
		n := int(step)%40 + 1
		got := true
		for rest := b; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			got = u.Valid(rest[:min(n, len(rest))], false)
		}
		if got != (firstBad(string(b[:min(len(b), 300)])) == min(len(b), 300)) && len(b) <= 300 {
			t.Fatalf("pieces of %d: got %v", n, got)
		}
		if got = u.Valid(nil, true); got != want {
			t.Fatalf("pieces of %d: got %v at the end, want %v", n, got, want)
		}
	})
}
