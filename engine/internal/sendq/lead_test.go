package sendq

import (
	"bytes"
	"testing"
)

// Small frames that were committed one after the other lie together, and are written as one slice.
func TestNeighboursAreOneSlice(t *testing.T) {
	q := New(nil)
	defer q.Free()
	var want []byte
	for i := range 100 {
		b := bytes.Repeat([]byte{byte(i)}, 10+i%3)
		want = append(want, b...)
		q.Commit(append(q.Reserve(len(b)+i%2), b...)[:len(b)], Terms{}) // not all of the room is used
	}
	if got := q.Lead(1 << 20); !bytes.Equal(got, want) {
		t.Errorf("%d bytes lie together, want all %d", len(got), len(want))
	}
	q.Wrote(15) // one frame and the half of the next
	if got := q.Lead(1 << 20); !bytes.Equal(got, want[15:]) {
		t.Errorf("%d bytes lie together, want all %d", len(got), len(want)-15)
	}
	q.Trim()
	if got := q.Lead(500); !bytes.Equal(got, want[15:515]) {
		t.Errorf("got %d bytes, want the first 500", len(got))
	}
	if got := q.Next(make([][]byte, 0, 4), 1<<20); len(got) != 1 || !bytes.Equal(got[0], want[15:]) {
		t.Errorf("%d slices", len(got))
	}
	// A frame of another's memory comes between.
	q.Share(nil, []byte("shared"), Terms{})
	q.Commit(append(q.Reserve(4), "last"...), Terms{})
	if got := q.Next(make([][]byte, 0, 4), 1<<20); len(got) != 3 || string(got[1]) != "shared" || string(got[2]) != "last" {
		t.Errorf("%d slices", len(got))
	}
	q.Wrote(q.Bytes())
}
