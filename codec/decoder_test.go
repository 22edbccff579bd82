package codec

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestDecoderMessages(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20)
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"nothing", nil, nil},
		{"empty text", frame(OpText, true, ""), []string{textMessage("")}},
		{"empty binary", frame(OpBinary, true, ""), []string{binaryMessage("")}},
		{"text", frame(OpText, true, "Hello"), []string{textMessage("Hello")}},
		{"binary", frame(OpBinary, true, "\xff\xfe"), []string{binaryMessage("\xff\xfe")}},
		{"125 bytes", frame(OpBinary, true, long[:125]), []string{binaryMessage(long[:125])}},
		{"126 bytes", frame(OpBinary, true, long[:126]), []string{binaryMessage(long[:126])}},
		{"320 bytes", frame(OpText, true, long), []string{textMessage(long)}},
		{"two", join(frame(OpText, true, "a"), frame(OpBinary, true, "b")), []string{textMessage("a"), binaryMessage("b")}},
		{"fragments", join(frame(OpText, false, "Hel"), frame(OpContinuation, false, "lo, "), frame(OpContinuation, true, "you")),
			[]string{textMessage("Hello, you")}},
		{"empty fragments", join(frame(OpText, false, ""), frame(OpContinuation, false, ""), frame(OpContinuation, true, "")),
			[]string{textMessage("")}},
		{"only the last fragment has bytes", join(frame(OpText, false, ""), frame(OpContinuation, true, "x")), []string{textMessage("x")}},
		{"only the first fragment has bytes", join(frame(OpText, false, "x"), frame(OpContinuation, true, "")), []string{textMessage("x")}},
		{"ping", frame(OpPing, true, "p"), []string{ping("p")}},
		{"ping of 125", frame(OpPing, true, long[:125]), []string{ping(long[:125])}},
		{"empty pong", frame(OpPong, true, ""), []string{pong("")}},
		{"empty close", frame(OpClose, true, ""), []string{closing(1005, "")}},
		{"close", frame(OpClose, true, "\x03\xe8bye ✓"), []string{closing(1000, "bye ✓")}},
		{"text, close", join(frame(OpText, true, "a"), frame(OpClose, true, "\x03\xe9")), []string{textMessage("a"), closing(1001, "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustGive(t, &Config{}, c.in, c.want...)
		})
	}
}

func TestDecoderClient(t *testing.T) {
	cfg := &Config{Client: true}
	in := join(
		AppendFrame(nil, Header{Op: OpText, Fin: true}, []byte("whole")),
		AppendFrame(nil, Header{Op: OpBinary}, []byte("in ")),
		AppendFrame(nil, Header{Op: OpPing, Fin: true}, []byte("p")),
		AppendFrame(nil, Header{Op: OpContinuation, Fin: true}, []byte("two")),
		AppendClose(nil, 1000, "", nil))
	mustGive(t, cfg, in, textMessage("whole"), ping("p"), binaryMessage("in two"), closing(1000, ""))
	mustFail(t, cfg, frame(OpText, true, "masked"), 1002)
}

func TestDecoderDeflate(t *testing.T) {
	cfg := &Config{Deflate: true}
	rsv1 := func(op OpCode, fin bool, p string) []byte {
		return AppendFrame(nil, Header{Op: op, Fin: fin, RSV1: true, Masked: true, Mask: testMask}, []byte(p))
	}
	compressed := func(op OpCode, p string) string { return eventText(Message, op, true, 0, []byte(p)) }
	// What is compressed is no text yet: it is not validated here.
	mustGive(t, cfg, join(rsv1(OpText, true, "\xff"), frame(OpText, true, "plain")), compressed(OpText, "\xff"), textMessage("plain"))
	mustGive(t, cfg, join(rsv1(OpText, false, "\xff"), frame(OpContinuation, true, "\xfe")), compressed(OpText, "\xff\xfe"))
	mustGive(t, cfg, rsv1(OpBinary, true, ""), compressed(OpBinary, ""))
	// A compressed message leaves nothing behind: the next text is validated.
	mustFail(t, cfg, join(rsv1(OpText, true, "\xff"), frame(OpText, true, "\xff")), 1007)
	mustFail(t, &Config{}, rsv1(OpText, true, "x"), 1002)
}

func TestDecoderMaxFragments(t *testing.T) {
	in := join(frame(OpText, false, "a"), frame(OpPing, true, ""), frame(OpContinuation, false, "b"), frame(OpContinuation, true, "c"))
	mustGive(t, &Config{MaxFragments: 3}, join(in, in), ping(""), textMessage("abc"), ping(""), textMessage("abc"))
	mustFail(t, &Config{MaxFragments: 2}, in, 1008)
	mustFail(t, &Config{MaxFragments: 1}, in, 1008)
	mustGive(t, &Config{MaxFragments: 1}, join(frame(OpText, true, "a"), frame(OpText, true, "b")), textMessage("a"), textMessage("b"))
}

// The first two bytes of a header are judged without waiting for the rest.
func TestDecoderJudgesEarly(t *testing.T) {
	for _, head := range [][]byte{{0x83, 0x85}, {0xC1, 0x85}, {0x81, 0x05}, {0x09, 0x80}, {0x89, 0xFE}, {0x80, 0x80}, {0x88, 0x81}} {
		mustFail(t, &Config{}, head, 1002)
	}
}

func TestDecoderErrorStays(t *testing.T) {
	var d Decoder
	_, _, first := d.Next(frame(OpContinuation, true, ""))
	var e *Error
	if !errors.As(first, &e) || e.Code != StatusProtocolError || !strings.Contains(e.Error(), "1002") {
		t.Fatalf("got %v, want an *Error with code 1002", first)
	}
	for range 2 {
		ev, n, err := d.Next(frame(OpText, true, "x"))
		if ev.Kind != None || n != 0 || err != first {
			t.Fatalf("got %v, %d, %v; want nothing and %v", ev.Kind, n, err, first)
		}
		if _, err := d.Filled(0); err != first {
			t.Fatalf("Filled: got %v, want %v", err, first)
		}
	}
	if d.Idle() || d.Room() != nil {
		t.Fatalf("got Idle %v, Room %v after an error", d.Idle(), d.Room())
	}
	d.Reset(nil, nil)
	if ev, _, err := d.Next(frame(OpText, true, "x")); ev.Kind != Message || err != nil {
		t.Fatalf("after Reset: got %v, %v", ev.Kind, err)
	}
}

func TestDecoderIdle(t *testing.T) {
	var zero Decoder
	if !zero.Idle() {
		t.Fatal("the zero Decoder is not idle")
	}
	in := join(frame(OpText, true, "whole"), frame(OpText, false, "a"), frame(OpPing, true, "p"), frame(OpContinuation, true, "b"))
	whole, first, ping := len(frame(OpText, true, "whole")), len(frame(OpText, false, "a")), len(frame(OpPing, true, "p"))
	idle := map[int]bool{0: true, whole: true, len(in): true}
	for cut := range len(in) + 1 {
		f := newFeeder(t, &Config{}, false)
		f.feed(in[:cut])
		if got := f.d.Idle(); got != idle[cut] {
			t.Fatalf("after %d bytes: got idle %v, want %v (message %d, fragment %d, ping %d)", cut, got, idle[cut], whole, first, ping)
		}
	}
}

// The zero Decoder works, as a server's on the heap.
func TestDecoderZero(t *testing.T) {
	var d Decoder
	in := join(frame(OpText, false, "a"), frame(OpContinuation, true, "b"))
	ev, n, err := d.Next(in)
	if ev.Kind != Message || string(ev.Data) != "ab" || !ev.Owned || n != len(in) || err != nil {
		t.Fatalf("got %v %q owned %v, %d, %v", ev.Kind, ev.Data, ev.Owned, n, err)
	}
}

// A whole message in one slice is a view into it, also when the header came
// before, and an append to it does not run into the next frame.
func TestDecoderViews(t *testing.T) {
	for _, c := range []struct {
		name string
		head int // bytes fed before
		in   []byte
		want string
	}{
		{"whole", 0, frame(OpText, true, "hello"), "hello"},
		{"extended length", 0, frame(OpBinary, true, strings.Repeat("x", 300)), strings.Repeat("x", 300)},
		{"header before", 6, frame(OpText, true, "hello"), "hello"},
		{"after empty fragments", 0, join(frame(OpText, false, ""), frame(OpContinuation, true, "hello")), "hello"},
		{"ping", 0, frame(OpPing, true, "hello"), "hello"},
		{"close", 0, frame(OpClose, true, "\x03\xe8hello"), "hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeeder(t, &Config{}, false)
			f.feed(c.in[:c.head])
			all := join(c.in[c.head:], frame(OpText, true, "next"))
			in, next := all[:len(c.in)-c.head], bytes.Clone(all[len(c.in)-c.head:])
			ev, n, err := f.d.Next(in)
			if err != nil || string(ev.Data) != c.want || ev.Owned {
				t.Fatalf("got %q, owned %v, %v", ev.Data, ev.Owned, err)
			}
			if n != len(c.in)-c.head || &ev.Data[len(ev.Data)-1] != &in[n-1] || f.store.grown != 0 {
				t.Fatalf("n = %d; the event is no view, or Grow was called", n)
			}
			_ = append(ev.Data, "overflow"...) // must not reach the frame behind
			if !bytes.Equal(all[n:], next) {
				t.Fatal("an append to the view wrote over the next frame")
			}
		})
	}
}

func TestDecoderOwned(t *testing.T) {
	store := &strictStore{t: t}
	var d Decoder
	d.Reset(&Config{}, store)
	in := frame(OpText, true, "hello, world")
	for _, piece := range [][]byte{in[:9], in[9:12]} {
		store.fed = len(piece)
		if ev, _, err := d.Next(piece); ev.Kind != None || err != nil {
			t.Fatalf("got %v, %v", ev.Kind, err)
		}
	}
	if string(d.Held()) != "hello," {
		t.Fatalf("held %q, want %q", d.Held(), "hello,")
	}
	ev, _, err := d.Next(in[12:])
	if err != nil || !ev.Owned || string(ev.Data) != "hello, world" {
		t.Fatalf("got %q owned %v, %v", ev.Data, ev.Owned, err)
	}
	if d.Held() != nil || !d.Idle() || store.grown != 1 {
		t.Fatalf("held %q, idle %v, %d calls of Grow; want none, true, 1", d.Held(), d.Idle(), store.grown)
	}
	d.Next(frame(OpText, false, "x"))
	if b := d.Take(); string(b) != "x" || d.Held() != nil {
		t.Fatalf("Take: got %q, held %q", b, d.Held())
	}
}

// An error leaves the memory of the message to be taken.
func TestDecoderTakeAfterError(t *testing.T) {
	var d Decoder
	d.Reset(nil, nil)
	d.Next(frame(OpText, false, "abc"))
	if _, _, err := d.Next(frame(OpText, true, "")); err == nil {
		t.Fatal("no error")
	}
	if b := d.Take(); string(b) != "abc" {
		t.Fatalf("got %q, want %q", b, "abc")
	}
}

type shortStore struct{}

func (shortStore) Grow(b []byte, need int) []byte { return make([]byte, len(b), need-1) }

func TestDecoderShortStore(t *testing.T) {
	defer func() {
		if r := recover(); r == nil {
			t.Fatal("no panic")
		}
	}()
	var d Decoder
	d.Reset(nil, shortStore{})
	d.Next(frame(OpText, false, "abc"))
}

func TestDecoderSkipUTF8(t *testing.T) {
	cfg := &Config{SkipUTF8: true}
	mustGive(t, cfg, join(frame(OpText, true, "\xff"), frame(OpText, false, "\xff"), frame(OpContinuation, true, "\xfe"),
		frame(OpClose, true, "\x03\xe8\xff")), textMessage("\xff"), textMessage("\xff\xfe"), closing(1000, "\xff"))
}

// Random streams of valid frames, decoded in random pieces, give what was sent.
func TestDecoderRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abc äöü €✓ 日本語 😀")
	for range 200 {
		var in []byte
		var want []string
		for range 1 + rnd.IntN(6) {
			runes := make([]rune, rnd.IntN(3)*rnd.IntN(4000))
			for i := range runes {
				runes[i] = letters[rnd.IntN(len(letters))]
			}
			payload := string(runes)
			op, rest := OpText, payload
			for last := false; !last; {
				n := rnd.IntN(len(rest) + 1)
				last = rnd.IntN(3) == 0
				if last {
					n = len(rest)
				}
				in = append(in, frame(op, last, rest[:n])...)
				op, rest = OpContinuation, rest[n:]
				if !last && rnd.IntN(2) == 0 {
					in = append(in, frame(OpPing, true, "p")...)
					want = append(want, ping("p"))
				}
			}
			want = append(want, textMessage(payload))
		}
		sizes := make([]byte, 1+rnd.IntN(20))
		for i := range sizes {
			sizes[i] = byte(rnd.IntN(256))
		}
		f := decodeCut(t, &Config{}, in, sizes, rnd.IntN(2) == 0)
		if f.err != nil || strings.Join(f.out, "\n") != strings.Join(want, "\n") {
			t.Fatalf("pieces of %v: got\n%swant\n%s", sizes, f, strings.Join(want, "\n"))
		}
	}
}
