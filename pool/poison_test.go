//go:build invariants

package pool

import (
	"bytes"
	"testing"
)

func TestReleasePoisons(t *testing.T) {
	for _, tt := range []struct {
		name      string
		get, grow int
	}{
		{"within its size", 100, 100},
		{"grown", 100, 1000},
		{"oversize", 1<<24 + 1, 10},
		{"grown beyond the largest class", 100, 1<<24 + 1},
	} {
		b := Get(tt.get)
		first := b.B[:cap(b.B)]
		b.B = append(b.B, bytes.Repeat([]byte{'x'}, tt.grow)...)
		last := b.B
		b.Release()
		for _, view := range [][]byte{first, last} {
			if bytes.Count(view, []byte{poisonByte}) != len(view) {
				t.Errorf("%s: a view still has bytes after Release", tt.name)
			}
		}
	}
}

func TestWriteAfterRelease(t *testing.T) {
	const n = 3 << 10
	for _, at := range []int{0, 1, n/2 + 1, n - 1} {
		c := classFor(n)
		m := lend(c)
		m.B = m.B[:cap(m.B)]
		poison(m.B)
		checkPoison(m.B)
		m.B[at] = 'x'
		mustPanic(t, "pool: a buffer was written to after its release", func() { checkPoison(m.B[:0]) })
	}
}

// TestGetFindsWrite goes the whole way. Under -race sync.Pool forgets some of what it is given, so
// it may take a few rounds till the memory comes back.
func TestGetFindsWrite(t *testing.T) {
	const n = 1<<20 + 1 // nobody else's class
	defer func() {
		if recover() == nil {
			t.Error("a write after Release was not found")
		}
	}()
	for range 1000 {
		b := Get(n)
		view := b.B[:1]
		b.Release()
		view[0] = 'x'
	}
}

// TestReleaseTwiceLate releases a buffer again when its memory has long been lent to others.
func TestReleaseTwiceLate(t *testing.T) {
	b := Get(100)
	b.Release()
	var others []*Buffer
	for range 100 {
		others = append(others, Get(100))
	}
	mustPanic(t, "pool: release of a free buffer", b.Release)
	for _, o := range others {
		o.Release()
	}
}
