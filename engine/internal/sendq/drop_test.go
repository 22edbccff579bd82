package sendq

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/weirws/weir/pool"
)

func TestMain(m *testing.M) {
	before := pool.Outstanding()
	code := m.Run()
	if n := pool.Outstanding() - before; n != 0 && code == 0 {
		fmt.Println("left behind:", n, "buffers")
		code = 1
	}
	if code != 0 {
		panic(code)
	}
}

// numbered adds a frame of 100 bytes with its number in it.
func numbered(q *Queue, n int, t Terms) {
	b := binary.BigEndian.AppendUint32(q.Reserve(100), uint32(n))
	q.Commit(b[:100], t)
}

// numbers are those of the frames that wait.
func numbers(q *Queue) (all []int) {
	for _, b := range q.Next(make([][]byte, 0, 1000), math.MaxInt) {
		for ; len(b) > 0; b = b[100:] {
			all = append(all, int(binary.BigEndian.Uint32(b)))
		}
	}
	return all
}

func stuck(q *Queue) {
	numbered(q, 0, Terms{})
	q.Wrote(50)
}

func empty(q *Queue) {
	q.Clear(nil)
	q.Finished()
	q.Free()
}

// Behind a frame that does not move, a stream of messages that throw each other out takes no more room than what waits.
func TestEvictForEver(t *testing.T) {
	q := New(new(atomic.Int64))
	defer empty(q)
	var saw seer
	stuck(q)
	numbered(q, 1, Terms{}) // nor may this one be thrown out
	q.Hold(0)
	for i := range 100_000 {
		numbered(q, 2+i, Terms{Class: Oldest})
		if i < 100 {
			continue
		}
		if q.Evict(nil, &saw) != 100 {
			t.Fatal("nothing is thrown out")
		}
		if len(saw) != 1 || saw[0] != (seen{Evicted, uint32(2 + i - 100)}) {
			t.Fatalf("got %v at %d", saw, i)
		}
		saw = saw[:0]
		if len(q.data.fs) > 2*q.Len()+2*minGaps {
			t.Fatalf("%d places for %d frames", len(q.data.fs), q.Len())
		}
		if q.Memory() > 4*(q.Bytes()+frameBytes*q.Len())+3*chunkBytes {
			t.Fatalf("%d bytes for %d", q.Memory(), q.Bytes())
		}
	}
}

// Names without end take no more room than what waits.
func TestKeysForEver(t *testing.T) {
	q := New(nil)
	defer empty(q)
	var saw seer
	b := make([]byte, 100)
	for i := range 10_000 {
		q.ShareKeyed(Key{Of: 1, Name: fmt.Sprint(i)}, nil, b, Terms{Class: Latest}, &saw)
		q.ShareKeyed(Key{Of: 1, Name: "same"}, nil, b, Terms{Class: Latest}, &saw)
		if i > 10 {
			q.Wrote(200)
		}
		if len(q.keys) > 2*q.Len()+keepKeys+4 {
			t.Fatalf("%d keys for %d frames", len(q.keys), q.Len())
		}
	}
}

// The same name of two topics is two keys.
func TestKeyOf(t *testing.T) {
	q := New(nil)
	defer empty(q)
	var saw seer
	a, b := new(int), new(int)
	for _, of := range []any{a, b, a, b} {
		q.ShareKeyed(Key{of, "x"}, nil, make([]byte, 10), Terms{Class: Latest}, &saw)
	}
	if q.Len() != 2 || len(saw) != 2 {
		t.Errorf("%d wait, %v", q.Len(), saw)
	}
}

// Deadlines of one age are found from the front, those of several wherever they are; a tick more than the age is too
// long.
func TestExpire(t *testing.T) {
	for _, test := range []struct {
		name string
		ages []uint32
		now  uint32
		want []int // what is left
	}{
		{"none", []uint32{0, 0}, 1000, []int{1, 2}},
		{"not yet", []uint32{5, 5}, 105, []int{1, 2}},
		{"all", []uint32{5, 5}, 106, nil},
		{"mixed", []uint32{9, 3, 9, 3, 0}, 104, []int{1, 3, 5}},
		{"mixed, all but one", []uint32{9, 3, 9, 3, 0}, 110, []int{5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := New(nil)
			defer empty(q)
			var saw seer
			stuck(q)
			for i, age := range test.ages {
				numbered(q, i+1, Terms{Class: Lapsing, Age: age})
			}
			q.Hold(100)
			if q.Expire(test.now, nil, &saw) {
				t.Error("overdue")
			}
			q.Wrote(50)
			if got := numbers(q); !slices.Equal(got, test.want) {
				t.Errorf("%v are left, want %v", got, test.want)
			}
			if len(saw)+len(test.want) != len(test.ages) {
				t.Errorf("saw %v", saw)
			}
		})
	}
}

// Ticks wrap.
func TestExpireWraps(t *testing.T) {
	q := New(nil)
	defer empty(q)
	var saw seer
	q.Hold(math.MaxUint32 - 1)
	numbered(q, 1, Terms{Class: Lapsing, Age: 5})
	if q.Expire(3, nil, &saw) || q.Len() != 1 {
		t.Error("gone too early")
	}
	if q.Expire(4, nil, &saw); q.Len() != 0 {
		t.Error("not gone")
	}
}

// What must not be dropped is told to the owner, and what is written in part stays.
func TestOverdue(t *testing.T) {
	q := New(nil)
	defer empty(q)
	var saw seer
	q.Hold(0)
	numbered(q, 1, Terms{Class: Lapsing, Age: 1})
	numbered(q, 2, Terms{Class: Data, Age: 3})
	q.Wrote(1)
	if q.Expire(3, nil, &saw) || q.Len() != 2 {
		t.Error("too early, or what has begun is dropped")
	}
	if !q.Expire(4, nil, &saw) || q.Len() != 2 {
		t.Error("what is overdue is not told")
	}
}

// A frame takes what the ledger counts for it.
func TestFrameSize(t *testing.T) {
	if n := unsafe.Sizeof(frame{}); n != frameBytes {
		t.Errorf("a frame takes %d bytes", n)
	}
	if n := unsafe.Sizeof(Queue{}); n > queueBytes {
		t.Errorf("a Queue takes %d bytes", n)
	}
}

// What is written in the turn in which it was sent is not counted, what waits is.
func TestLedger(t *testing.T) {
	var ledger atomic.Int64
	q := &Queue{ledger: &ledger} // without the tables of another test
	numbered(q, 1, Terms{})
	if n := ledger.Load(); n != 0 {
		t.Errorf("%d for a small frame", n)
	}
	q.Commit(q.Reserve(70_000)[:70_000], Terms{})
	if n := ledger.Load(); n < 70_000 {
		t.Errorf("%d for a large one", n)
	}
	q.Wrote(q.Bytes())
	if n := ledger.Load(); n != 0 {
		t.Errorf("%d when it is written", n)
	}
	numbered(q, 2, Terms{})
	q.Hold(1)
	if n := ledger.Load(); n != int64(q.Memory()) {
		t.Errorf("%d when held, of %d", n, q.Memory())
	}
	q.Wrote(100)
	q.Rest(&ledger)
	if n := ledger.Load(); n != 0 {
		t.Errorf("%d at rest", n)
	}
	q.Free()
}

// A Queue that is used again counts from nothing.
func TestRestCountsAnew(t *testing.T) {
	q := New(new(atomic.Int64))
	var saw seer
	q.Hold(0)
	numbered(q, 1, Terms{Class: Oldest})
	if q.Evict(nil, &saw) == 0 || q.Dropped() != 1 {
		t.Fatalf("%d are dropped, want 1", q.Dropped())
	}
	q.Rest(nil)
	if n := q.Dropped(); n != 0 {
		t.Errorf("%d are dropped, want none", n)
	}
	q.Free()
}
