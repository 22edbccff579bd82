package codec

import (
	"bytes"
	"testing"
)

func TestRoomOnlyInsideLargeFrames(t *testing.T) {
	head := lengthHead(OpBinary, 8, 10_000)
	for _, c := range []struct {
		name string
		in   []byte
		want bool
	}{
		{"nothing", nil, false},
		{"inside a header", head[:5], false},
		{"after a header", head, true},
		{"4096 to come", join(head, make([]byte, 10_000-4096)), true},
		{"4095 to come", join(head, make([]byte, 10_000-4095)), false},
		{"whole", join(head, make([]byte, 10_000)), false},
		{"inside a ping", frame(OpPing, true, "abc")[:7], false},
		{"between fragments", frame(OpText, false, "abc"), false},
		{"in a later fragment", join(frame(OpText, false, "abc"), lengthHead(OpContinuation, 2, 5000)), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeeder(t, &Config{}, false)
			f.feed(c.in)
			f.store.fed = 0
			room := f.d.Room()
			if got := len(room) > 0; got != c.want {
				t.Fatalf("got room of %d bytes, want some: %v", len(room), c.want)
			}
		})
	}
}

// Room is never more than the frame lacks, so that the next frame is not read
// into this message.
func TestRoomEndsWithTheFrame(t *testing.T) {
	f := newFeeder(t, &Config{}, false)
	f.store.fed = 1 << 20
	f.feed(join(lengthHead(OpBinary, 8, 5000), make([]byte, 10)))
	for left := 4990; left >= 4096; {
		room := f.d.Room()
		if len(room) == 0 || len(room) > left || cap(room) > left {
			t.Fatalf("got room of %d, capacity %d, want 1 to %d", len(room), cap(room), left)
		}
		if ev, err := f.d.Filled(min(100, len(room))); ev.Kind != None || err != nil {
			t.Fatalf("got %v, %v", ev.Kind, err)
		}
		left -= min(100, len(room))
	}
}

// A message read through Room, through Next, or now this way and now that, is
// the same.
func TestRoomAndNext(t *testing.T) {
	payload := pattern(100_000)
	in := join(AppendFrame(nil, Header{Op: OpBinary, Masked: true, Mask: testMask}, payload[:60_000]),
		AppendFrame(nil, Header{Op: OpContinuation, Fin: true, Masked: true, Mask: testMask}, payload[60_000:]))
	for _, step := range []int{1000, 1001, 4095, 30_000} {
		f := newFeeder(t, &Config{}, false)
		for i, rest := 0, in; len(rest) > 0; i++ {
			f.room = i%2 == 0
			n := min(step, len(rest))
			f.feed(rest[:n])
			rest = rest[n:]
		}
		if f.String() != binaryMessage(string(payload))+"\n" {
			t.Fatalf("step %d: got %s", step, f)
		}
	}
}

func TestFilledEndsMessage(t *testing.T) {
	payload := pattern(8000)
	in := AppendFrame(nil, Header{Op: OpBinary, Fin: true, Masked: true, Mask: testMask}, payload)
	var d Decoder
	if ev, _, err := d.Next(in[:8]); ev.Kind != None || err != nil {
		t.Fatal(ev.Kind, err)
	}
	rest := in[8:]
	for len(rest) > 0 {
		room := d.Room()
		if room == nil {
			ev, n, err := d.Next(rest)
			if ev.Kind != Message || !bytes.Equal(ev.Data, payload) || n != len(rest) || err != nil {
				t.Fatalf("Next: got %v of %d bytes, %d, %v", ev.Kind, len(ev.Data), n, err)
			}
			return
		}
		n := copy(room, rest)
		rest = rest[n:]
		ev, err := d.Filled(n)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == Message {
			if len(rest) != 0 || !ev.Owned || !bytes.Equal(ev.Data, payload) || !d.Idle() {
				t.Fatalf("Filled: got a message of %d bytes with %d to come", len(ev.Data), len(rest))
			}
			return
		}
	}
	t.Fatal("no message")
}

func TestFilledPanics(t *testing.T) {
	for _, c := range []struct {
		name           string
		length, fed, n int
	}{
		{"negative", 10_000, 10, -1},
		{"more than Room", 10_000, 10, 4096},
		{"more than the frame lacks, though there is memory", 6000, 1800, 4201},
		{"nothing to fill", 10, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeeder(t, &Config{}, false)
			f.feed(join(lengthHead(OpBinary, 8, uint64(c.length)), make([]byte, c.fed)))
			f.d.Room()
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			f.d.Filled(c.n)
		})
	}
}
