package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

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

// RFC 6455, 5.5.1: what comes after the close frame does not count, not even as
// an error.
func TestHostile45AfterClose(t *testing.T) {
	in := join(frame(OpClose, true, "\x03\xe8"), frame(OpText, true, "late"), []byte{0xFF, 0xFF, 0xFF})
	f := mustGive(t, &Config{}, in, closing(1000, ""))
	if f.d.Idle() {
		t.Fatal("idle after the close frame")
	}
}
