package raw

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gobwas/ws"
)

// masked is a frame of a client.
func masked(t *testing.T, op ws.OpCode, payload []byte) []byte {
	t.Helper()
	f := ws.MaskFrameInPlaceWith(ws.NewFrame(op, true, bytes.Clone(payload)), [4]byte{1, 2, 3, 4})
	return ws.MustCompileFrame(f)
}

// plain is the frame of a server.
func plain(op ws.OpCode, payload []byte) []byte {
	return ws.MustCompileFrame(ws.NewFrame(op, true, payload))
}

func TestReplies(t *testing.T) {
	small, long, longer := []byte("hello"), bytes.Repeat([]byte("ab"), 200), bytes.Repeat([]byte("cd"), 40_000)
	var in, want []byte
	for _, p := range [][]byte{small, long, nil, longer, small, long} {
		in = append(in, masked(t, ws.OpBinary, p)...)
		want = append(want, plain(ws.OpBinary, p)...)
	}
	in = append(in, masked(t, ws.OpPing, small)...)
	want = append(want, plain(ws.OpPong, small)...)
	in = append(in, masked(t, ws.OpPong, small)...)
	whole := len(in)
	last := masked(t, ws.OpText, long)
	in = append(in, last[:9]...)
	got, n, need, err := Replies(in)
	if err != nil || n != whole || need != len(last) {
		t.Errorf("got %d bytes, %d needed and %v, want %d and %d", n, need, err, whole, len(last))
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes of replies that are not the %d that are due", len(got), len(want))
	}
}

func TestRepliesBad(t *testing.T) {
	if _, _, _, err := Replies(plain(ws.OpText, []byte("a"))); err == nil {
		t.Error("a frame without a mask was taken")
	}
	if _, _, _, err := Replies([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}); err == nil {
		t.Error("a length of 2^63 was taken")
	}
	got, _, _, err := Replies(masked(t, ws.OpClose, []byte{3, 232}))
	if !errors.Is(err, ErrClosed) || !bytes.Equal(got, plain(ws.OpClose, []byte{3, 232})) {
		t.Errorf("got %x and %v", got, err)
	}
}
