package codec

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"
)

// testMask is a masking key without two equal bytes.
var testMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame returns a masked frame, as a client sends it.
func frame(op OpCode, fin bool, payload string) []byte {
	return AppendFrame(nil, Header{Op: op, Fin: fin, Masked: true, Mask: testMask}, []byte(payload))
}

// join returns its parts as one slice.
func join(parts ...[]byte) []byte {
	return bytes.Join(parts, nil)
}

// strictStore is a Store that ruins what it gets back, rounds capacities up as
// a pool does, and fails the test when more is asked for than the bytes that
// came allow.
type strictStore struct {
	t     testing.TB
	fed   int // length of the slice being fed
	grown int // calls
	last  int // capacity given last
}

func (s *strictStore) Grow(b []byte, need int) []byte {
	there, factor := len(b)+s.fed, growFactor
	if there >= quickBytes {
		factor = quickFactor
	}
	if most := max(firstGrow, factor*there); need > most {
		s.t.Errorf("Grow to %d with %d bytes there and %d fed, want at most %d", need, len(b), s.fed, most)
	}
	if need <= cap(b) {
		s.t.Errorf("Grow to %d of a capacity of %d", need, cap(b))
	}
	grown := make([]byte, len(b), (need+63)&^63)
	copy(grown, b)
	ruin(b)
	s.grown++
	s.last = cap(grown)
	return grown
}

// reused is a Store of one piece of memory.
type reused []byte

func (r reused) Grow(b []byte, need int) []byte { return append(r[:0], b...) }

// ruin overwrites b, up to its capacity where that is the store's.
func ruin(b []byte) {
	for i := range b {
		b[i] = 0xCC
	}
}

// feeder feeds a Decoder piece by piece and keeps what came out, as text. What
// the caller may do to memory in between, it does: a view is overwritten as soon
// as it was copied, and each piece is memory of its own.
type feeder struct {
	t     testing.TB
	d     Decoder
	store strictStore
	room  bool // read into Room when there is one
	out   []string
	err   *Error
}

func newFeeder(t testing.TB, cfg *Config, room bool) *feeder {
	f := &feeder{t: t, room: room, store: strictStore{t: t}}
	f.d.Reset(cfg, &f.store)
	return f
}

// feed passes a copy of p to the Decoder.
func (f *feeder) feed(p []byte) {
	p = bytes.Clone(p)
	f.store.fed = len(p)
	for f.err == nil {
		if f.room {
			if room := f.d.Room(); room != nil && len(p) > 0 {
				n := copy(room, p)
				p = p[n:]
				ev, err := f.d.Filled(n)
				f.note(ev, err)
				continue
			}
		}
		ev, n, err := f.d.Next(p)
		f.note(ev, err)
		if err != nil {
			return
		}
		ruin(p[:n])
		p = p[n:]
		if ev.Kind == None {
			if len(p) != 0 {
				f.t.Fatalf("None with %d bytes left", len(p))
			}
			return
		}
	}
}

func (f *feeder) note(ev Event, err error) {
	if err != nil {
		if !errors.As(err, &f.err) {
			f.t.Fatalf("error %v is a %T", err, err)
		}
		return
	}
	if ev.Kind != None {
		f.out = append(f.out, eventText(ev.Kind, ev.Op, ev.Compressed, ev.Code, ev.Data))
		ruin(ev.Data)
	}
}

// String is what came out so far, one line an event.
func (f *feeder) String() string {
	var b bytes.Buffer
	for _, line := range f.out {
		fmt.Fprintln(&b, line)
	}
	if f.err != nil {
		fmt.Fprintln(&b, f.err)
	}
	return b.String()
}

func eventText(kind EventKind, op OpCode, compressed bool, code StatusCode, data []byte) string {
	return fmt.Sprintf("%v op=%d compressed=%v code=%d %d bytes %08x %.80q",
		kind, op, compressed, code, len(data), crc32.ChecksumIEEE(data), data)
}

// decode feeds b in one piece.
func decode(t testing.TB, cfg *Config, b []byte) *feeder {
	f := newFeeder(t, cfg, false)
	f.feed(b)
	return f
}

// decodeCut feeds b in pieces of sizes, over and over; a size of 0 is an empty
// piece.
func decodeCut(t testing.TB, cfg *Config, b []byte, sizes []byte, room bool) *feeder {
	f := newFeeder(t, cfg, room)
	for i := 0; len(b) > 0; i++ {
		n := len(b)
		if i < 4*len(sizes) { // then the rest at once, so that zeros end
			n = min(n, int(sizes[i%len(sizes)]))
		}
		f.feed(b[:n])
		b = b[n:]
	}
	return f
}

// mustSplit decodes b whole, cut in two at each byte, and byte by byte, with
// and without Room. All must give the same; it returns that.
func mustSplit(t testing.TB, cfg *Config, b []byte) *feeder {
	t.Helper()
	whole := decode(t, cfg, b)
	for cut := range len(b) + 1 {
		for _, room := range []bool{false, true} {
			f := newFeeder(t, cfg, room)
			f.feed(b[:cut])
			f.feed(b[cut:])
			if got, want := f.String(), whole.String(); got != want {
				t.Fatalf("cut at %d of %d, room %v:\n%swant\n%s", cut, len(b), room, got, want)
			}
		}
	}
	f := newFeeder(t, cfg, false)
	for i := range b {
		f.feed(b[i : i+1])
	}
	if got, want := f.String(), whole.String(); got != want {
		t.Fatalf("byte by byte:\n%swant\n%s", got, want)
	}
	return whole
}

// mustFail checks that b ends with an error of code, however it is cut.
func mustFail(t testing.TB, cfg *Config, b []byte, code StatusCode) *feeder {
	t.Helper()
	f := mustSplit(t, cfg, b)
	if f.err == nil {
		t.Fatalf("no error, want code %d; got %s", code, f)
	}
	if f.err.Code != code {
		t.Fatalf("got %v, want code %d", f.err, code)
	}
	return f
}

// mustGive checks that b gives the messages, and no error, however it is cut.
func mustGive(t testing.TB, cfg *Config, b []byte, messages ...string) *feeder {
	t.Helper()
	f := mustSplit(t, cfg, b)
	if f.err != nil {
		t.Fatalf("got %v", f.err)
	}
	if len(f.out) != len(messages) {
		t.Fatalf("got %d events, want %d:\n%s", len(f.out), len(messages), f)
	}
	for i, m := range messages {
		if f.out[i] != m {
			t.Fatalf("event %d: got %s, want %s", i, f.out[i], m)
		}
	}
	return f
}

// text, binary and so on are how the feeder writes an event.
func textMessage(data string) string   { return eventText(Message, OpText, false, 0, []byte(data)) }
func binaryMessage(data string) string { return eventText(Message, OpBinary, false, 0, []byte(data)) }
func ping(data string) string          { return eventText(Ping, OpPing, false, 0, []byte(data)) }
func pong(data string) string          { return eventText(Pong, OpPong, false, 0, []byte(data)) }
func closing(code StatusCode, reason string) string {
	return eventText(Close, OpClose, false, code, []byte(reason))
}
