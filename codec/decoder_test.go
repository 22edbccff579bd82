package codec

import (
	"bytes"
	"errors"
	"fmt"
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

// RFC 7692, 6.1: RSV1 on a continuation, or on a control frame, is an error.
func TestHostile52RSV1(t *testing.T) {
	cfg := &Config{Deflate: true}
	h := Header{Fin: true, RSV1: true, Masked: true, Mask: testMask}
	for _, op := range []OpCode{OpPing, OpPong, OpClose} {
		h.Op = op
		mustFail(t, cfg, AppendFrame(nil, h, nil), 1002)
	}
	h.Op = OpContinuation
	mustFail(t, cfg, join(frame(OpText, false, "x"), AppendFrame(nil, h, nil)), 1002)
}

func TestHostile20Unmasked(t *testing.T) {
	for _, op := range []OpCode{OpText, OpBinary, OpPing, OpPong, OpClose} {
		mustFail(t, &Config{}, AppendFrame(nil, Header{Op: op, Fin: true}, []byte("\x03\xe8x")), 1002)
	}
	mustFail(t, &Config{}, join(frame(OpText, false, "a"), AppendFrame(nil, Header{Op: OpContinuation, Fin: true}, nil)), 1002)
}

func TestHostile21ReservedBits(t *testing.T) {
	for op := range OpCode(16) {
		for rsv := byte(0x10); rsv < 0x80; rsv += 0x10 {
			b := frame(op, true, "")
			b[0] |= rsv
			mustFail(t, &Config{}, b, 1002)
			if rsv&0x30 != 0 {
				mustFail(t, &Config{Deflate: true}, b, 1002)
			}
		}
	}
}

func TestHostile22ReservedOpcodes(t *testing.T) {
	for _, op := range []OpCode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for _, fin := range []bool{false, true} {
			mustFail(t, &Config{}, frame(op, fin, ""), 1002)
			mustFail(t, &Config{}, join(frame(OpText, false, "a"), frame(op, fin, "x")), 1002)
		}
	}
}

// lengthHead returns the header of a masked frame whose length takes the given
// number of bytes.
func lengthHead(op OpCode, size int, length uint64) []byte {
	b := []byte{0x80 | byte(op)}
	switch size {
	case 0:
		b = append(b, 0x80|byte(length))
	case 2:
		b = append(b, 0x80|126, byte(length>>8), byte(length))
	case 8:
		b = append(b, 0x80|127)
		for shift := 56; shift >= 0; shift -= 8 {
			b = append(b, byte(length>>shift))
		}
	}
	return append(b, 0, 0, 0, 0)
}

func TestHostile23LengthForm(t *testing.T) {
	for _, c := range []struct {
		size, length int
		minimal      bool
	}{
		{2, 0, false}, {2, 5, false}, {2, 125, false}, {2, 126, true},
		{8, 0, false}, {8, 5, false}, {8, 126, false}, {8, 65535, false}, {8, 65536, true},
	} {
		t.Run(fmt.Sprintf("%d in %d bytes", c.length, c.size), func(t *testing.T) {
			payload := strings.Repeat("x", c.length)
			head := lengthHead(OpText, c.size, uint64(c.length))
			for _, strict := range []bool{false, true} {
				cfg := &Config{StrictLength: strict}
				f := decode(t, cfg, join(head, []byte(payload)))
				if c.length < 1000 {
					f = mustSplit(t, cfg, join(head, []byte(payload)))
				}
				switch {
				case strict && !c.minimal:
					if f.err == nil || f.err.Code != 1002 {
						t.Fatalf("strict: got %v, want 1002", f.err)
					}
				case f.String() != textMessage(payload)+"\n":
					t.Fatalf("strict %v: got %s", strict, f)
				}
			}
		})
	}
}

// The one frame that could kill a process: a length that is negative once it
// is an int.
func TestHostile24LengthMSB(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, op := range []OpCode{OpText, OpBinary} {
			for _, length := range []uint64{1 << 63, 1<<63 | 5, 1<<64 - 1} {
				for _, most := range []int64{0, 1 << 20} {
					b := lengthHead(op, 8, length)
					if client {
						b[1] &^= 0x80
						b = b[:10]
					}
					mustFail(t, &Config{Client: client, MaxMessageBytes: most}, b, 1002)
				}
			}
		}
	}
}

func TestHostile24LengthOverLimit(t *testing.T) {
	for _, length := range []uint64{1<<63 - 1, 1 << 62, 1 << 40, 1 << 32, 1<<31 + 1, 1<<20 + 1} {
		f := mustFail(t, &Config{MaxMessageBytes: 1 << 20}, lengthHead(OpBinary, 8, length), 1009)
		if f.store.grown != 0 {
			t.Fatalf("length %d: got %d calls of Grow, want none", length, f.store.grown)
		}
	}
	mustFail(t, &Config{MaxMessageBytes: 100}, lengthHead(OpText, 2, 126), 1009)
	mustFail(t, &Config{MaxMessageBytes: 100}, lengthHead(OpText, 0, 101), 1009)
	// Without a limit the length is believed, but only as far as bytes came.
	f := decode(t, &Config{}, join(lengthHead(OpBinary, 8, 1<<63-1), []byte("abc")))
	if f.err != nil || f.store.last != 4096 {
		t.Fatalf("got %v and memory of %d, want none and 4096", f.err, f.store.last)
	}
}

// The sum over fragments must not wrap around either.
func TestHostile24SumOfLengths(t *testing.T) {
	first := frame(OpBinary, false, "abc")
	for _, length := range []uint64{1<<63 - 1, 1<<20 - 2} {
		b := join(first, lengthHead(OpContinuation, 8, length))
		mustFail(t, &Config{MaxMessageBytes: 1 << 20}, b, 1009)
	}
	if f := decode(t, &Config{}, join(first, lengthHead(OpContinuation, 8, 1<<63-1))); f.err != nil {
		t.Fatalf("got %v without a limit", f.err)
	}
}

// Memory follows the bytes that came (the store fails the test if not), each
// byte is moved a bounded number of times, and a finished message fits.
func TestHostile25Growth(t *testing.T) {
	const size = 1 << 20
	payload := bytes.Repeat([]byte("weir"), size/4)
	in := AppendFrame(nil, Header{Op: OpBinary, Fin: true, Masked: true, Mask: testMask}, payload)
	for _, room := range []bool{false, true} {
		f := newFeeder(t, &Config{}, room)
		for len(in) > 0 && len(f.out) == 0 {
			n := min(len(in), 1000)
			f.feed(in[:n])
			in = in[n:]
		}
		if len(f.out) != 1 || f.out[0] != binaryMessage(string(payload)) {
			t.Fatalf("room %v: got %s", room, f)
		}
		if f.store.grown > 6 || f.store.last > size+64 {
			t.Fatalf("room %v: got %d calls of Grow, the last to %d; want at most 6, to %d", room, f.store.grown, f.store.last, size)
		}
		in = AppendFrame(nil, Header{Op: OpBinary, Fin: true, Masked: true, Mask: testMask}, payload)
	}
}

func TestHostile26ManyFrames(t *testing.T) {
	var in []byte
	var want []string
	for i := range 10_000 {
		m := fmt.Sprint(i)
		in = append(in, frame(OpText, true, m)...)
		want = append(want, textMessage(m))
	}
	for _, sizes := range [][]byte{nil, {1}, {7, 1, 200}, {3, 0, 5}} {
		f := newFeeder(t, &Config{}, false)
		for i, b := 0, in; len(b) > 0; i++ {
			n := len(b)
			if sizes != nil {
				n = min(n, int(sizes[i%len(sizes)]))
			}
			f.feed(b[:n])
			b = b[n:]
		}
		if f.err != nil || strings.Join(f.out, "\n") != strings.Join(want, "\n") {
			t.Fatalf("pieces of %v: got %d events and %v", sizes, len(f.out), f.err)
		}
	}
}

func TestHostile28Order(t *testing.T) {
	mustFail(t, &Config{}, frame(OpContinuation, true, "x"), 1002)
	mustFail(t, &Config{}, frame(OpContinuation, false, "x"), 1002)
	for _, op := range []OpCode{OpText, OpBinary} {
		mustFail(t, &Config{}, join(frame(OpText, false, "x"), frame(op, true, "y")), 1002)
		mustFail(t, &Config{}, join(frame(OpBinary, false, ""), frame(op, false, "y")), 1002)
	}
	// A message that ended is no reason for a continuation.
	mustFail(t, &Config{}, join(frame(OpText, true, "x"), frame(OpContinuation, true, "y")), 1002)
	mustFail(t, &Config{}, join(frame(OpText, false, "x"), frame(OpContinuation, true, "y"), frame(OpContinuation, true, "z")), 1002)
}

func TestHostile29ControlBetweenFragments(t *testing.T) {
	in := join(frame(OpPing, true, "0"), frame(OpText, false, "a"), frame(OpPing, true, "1"), frame(OpPong, true, ""),
		frame(OpContinuation, false, "b"), frame(OpPing, true, "2"), frame(OpContinuation, true, "c"), frame(OpPing, true, "3"))
	mustGive(t, &Config{}, in, ping("0"), ping("1"), pong(""), ping("2"), textMessage("abc"), ping("3"))
	mustGive(t, &Config{}, join(frame(OpText, false, "a"), frame(OpClose, true, "\x03\xe8")), closing(1000, ""))
}

func TestHostile30EmptyFragments(t *testing.T) {
	const most = 16384
	f := newFeeder(t, &Config{MaxFragments: most, MaxMessageBytes: 1 << 20}, false)
	f.feed(frame(OpText, false, ""))
	for range most - 1 {
		f.feed(frame(OpContinuation, false, ""))
	}
	if f.err != nil || f.store.grown != 0 {
		t.Fatalf("got %v and %d calls of Grow at the cap, want neither", f.err, f.store.grown)
	}
	f.feed(frame(OpContinuation, true, ""))
	if f.err == nil || f.err.Code != 1008 {
		t.Fatalf("got %v past the cap, want 1008", f.err)
	}
}

func TestDecoderMaxFragments(t *testing.T) {
	in := join(frame(OpText, false, "a"), frame(OpPing, true, ""), frame(OpContinuation, false, "b"), frame(OpContinuation, true, "c"))
	mustGive(t, &Config{MaxFragments: 3}, join(in, in), ping(""), textMessage("abc"), ping(""), textMessage("abc"))
	mustFail(t, &Config{MaxFragments: 2}, in, 1008)
	mustFail(t, &Config{MaxFragments: 1}, in, 1008)
	mustGive(t, &Config{MaxFragments: 1}, join(frame(OpText, true, "a"), frame(OpText, true, "b")), textMessage("a"), textMessage("b"))
}

// exactStore is a Store that gives no byte more than it was asked for.
type exactStore struct{ grown, moved int }

func (s *exactStore) Grow(b []byte, need int) []byte {
	s.grown++
	s.moved += len(b)
	return append(make([]byte, 0, need), b...)
}

// One-byte fragments cost the same each: the memory grows a few times, not
// once a fragment, so that the bytes moved stay in proportion.
func TestHostile31OneByteFragments(t *testing.T) {
	for _, most := range []int{1000, 10_000, 1 << 14} {
		var store exactStore
		var d Decoder
		d.Reset(&Config{MaxFragments: most, MaxMessageBytes: int64(most)}, &store)
		d.Next(frame(OpBinary, false, "x"))
		for range most - 2 {
			if ev, _, err := d.Next(frame(OpContinuation, false, "x")); ev.Kind != None || err != nil {
				t.Fatalf("got %v, %v", ev.Kind, err)
			}
		}
		ev, _, err := d.Next(frame(OpContinuation, true, "x"))
		if err != nil || string(ev.Data) != strings.Repeat("x", most) {
			t.Fatalf("got %d bytes, %v", len(ev.Data), err)
		}
		if store.grown > 20 || store.moved > 3*most {
			t.Fatalf("%d fragments: got %d calls of Grow and %d bytes moved", most, store.grown, store.moved)
		}
	}
}

func TestHostile32Limit(t *testing.T) {
	cfg := &Config{MaxMessageBytes: 10}
	in := join(frame(OpText, false, "12345"), frame(OpContinuation, false, "678"), frame(OpContinuation, true, "90"))
	mustGive(t, cfg, join(in, in), textMessage("1234567890"), textMessage("1234567890"))
	mustGive(t, cfg, frame(OpText, true, "1234567890"), textMessage("1234567890"))
	mustFail(t, cfg, frame(OpText, true, "12345678901"), 1009)
	// Over the limit by one, before the byte itself came.
	mustFail(t, cfg, join(frame(OpText, false, "1234567890"), frame(OpContinuation, true, "1")[:6]), 1009)
	mustFail(t, cfg, frame(OpText, true, "12345678901")[:6], 1009)
	// Control frames do not count.
	mustGive(t, cfg, join(frame(OpText, false, "12345"), frame(OpPing, true, "12345678901"), frame(OpContinuation, true, "67890")),
		ping("12345678901"), textMessage("1234567890"))
}

func TestHostile35ControlFrames(t *testing.T) {
	for _, op := range []OpCode{OpPing, OpPong, OpClose} {
		mustFail(t, &Config{}, frame(op, true, strings.Repeat("x", 126)), 1002)
		mustFail(t, &Config{}, lengthHead(op, 8, 1<<40), 1002)
		mustFail(t, &Config{}, lengthHead(op, 2, 5), 1002) // a length over 125 needs no second look
		mustFail(t, &Config{}, frame(op, false, "\x03\xe8"), 1002)
		mustFail(t, &Config{}, join(frame(OpText, false, "a"), frame(op, false, "\x03\xe8")), 1002)
	}
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

// RFC 6455, 5.5.1: what comes after the close frame does not count, not even as
// an error.
func TestHostile45AfterClose(t *testing.T) {
	in := join(frame(OpClose, true, "\x03\xe8"), frame(OpText, true, "late"), []byte{0xFF, 0xFF, 0xFF})
	f := mustGive(t, &Config{}, in, closing(1000, ""))
	if f.d.Idle() {
		t.Fatal("idle after the close frame")
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

// FuzzDecoder: any split gives what the whole gives, with and without Room, and
// that is what the slow reference gives.
func FuzzDecoder(f *testing.F) {
	f.Add(join(frame(OpText, false, "Hé"), frame(OpPing, true, "p"), frame(OpContinuation, true, "llo")), []byte{3, 1}, byte(0))
	f.Add(join(frame(OpBinary, true, strings.Repeat("x", 5000)), frame(OpClose, true, "\x03\xe8bye")), []byte{200, 7}, byte(0x40))
	f.Add(AppendFrame(nil, Header{Op: OpText, Fin: true, RSV1: true}, []byte("\xff")), []byte{1}, byte(3))
	f.Add(lengthHead(OpText, 8, 1<<63), []byte{1}, byte(4))
	f.Add(join(lengthHead(OpText, 8, 1<<63-1), []byte("€")), []byte{1}, byte(0))
	f.Fuzz(func(t *testing.T, in, sizes []byte, flags byte) {
		if len(in) > 1<<14 || len(sizes) > 64 {
			t.Skip("the reference is quadratic")
		}
		cfg := &Config{
			Client:          flags&1 != 0,
			Deflate:         flags&2 != 0,
			StrictLength:    flags&4 != 0,
			SkipUTF8:        flags&8 != 0,
			MaxMessageBytes: []int64{0, 10, 5000, 1 << 62}[flags>>4&3],
			MaxFragments:    []int{0, 1, 3, 1000}[flags>>6],
		}
		whole := decode(t, cfg, in)
		for _, room := range []bool{false, true} {
			if got := decodeCut(t, cfg, in, sizes, room); got.String() != whole.String() {
				t.Fatalf("cut by %v, room %v:\n%swant\n%s", sizes, room, got, whole)
			}
		}
		out, code := reference(cfg, in)
		var got StatusCode
		if whole.err != nil {
			got = whole.err.Code
		}
		if got != code || strings.Join(out, "\n") != strings.Join(whole.out, "\n") {
			t.Fatalf("got\n%swant\n%s\nand code %d", whole, strings.Join(out, "\n"), code)
		}
	})
}
