package sendq

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/weirws/weir/pool"
)

// share adds a frame of 100 bytes with its number in it, in a buffer of its own.
func share(q *Queue, n int, k string, t Terms, w Witness) {
	buf := pool.Get(100)
	buf.B = binary.BigEndian.AppendUint32(buf.B, uint32(n))[:100]
	if k == "" {
		q.Share(buf, buf.B, t)
		return
	}
	q.ShareKeyed(Key{1, k}, buf, buf.B, t, w)
}

// The frames of one queue follow those of another: in order, by their own terms, and only the newest of a key waits.
func TestFollow(t *testing.T) {
	var ledger atomic.Int64
	q, from := New(&ledger), New(&ledger)
	var saw seer
	q.Hold(5)
	from.Hold(3)
	latest := Terms{Class: Latest}
	share(q, 0, "a", latest, &saw)
	share(q, 1, "", Terms{Class: Oldest}, &saw)
	share(from, 2, "b", latest, &saw)
	share(from, 3, "", Terms{Class: Oldest, Age: 2}, &saw)
	share(from, 4, "", Terms{}, &saw)
	share(from, 5, "a", latest, &saw)
	share(from, 6, "b", latest, &saw)
	q.Follow(from, &saw)
	from.Free()
	if want := []seen{{Conflated, 2}, {Conflated, 0}}; !slices.Equal(saw, want) {
		t.Errorf("dropped %v, want %v", saw, want)
	}
	if got, want := numbers(q), []int{5, 1, 6, 3, 4}; !slices.Equal(got, want) || q.Bytes() != 500 {
		t.Errorf("%v wait, %d bytes, want %v", got, q.Bytes(), want)
	}
	share(q, 7, "b", latest, &saw) // the key is known where it went
	if q.Expire(7, nil, &saw); len(saw) != 3 {
		t.Error("it waits from when it came")
	}
	if q.Expire(8, nil, &saw); len(saw) != 4 || saw[3] != (seen{Expired, 3}) {
		t.Errorf("dropped %v", saw)
	}
	if q.Evict(nil, &saw); saw[4] != (seen{Evicted, 1}) {
		t.Errorf("dropped %v", saw)
	}
	if got, want := numbers(q), []int{5, 7, 4}; !slices.Equal(got, want) {
		t.Errorf("%v wait, want %v", got, want)
	}
	empty(q)
	if n := ledger.Load(); n != 0 {
		t.Errorf("%d bytes are charged at the end", n)
	}
}
