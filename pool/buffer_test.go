package pool

import (
	"bytes"
	"sync"
	"testing"
	"unsafe"

	"github.com/valyala/bytebufferpool"
)

// mustPanic fails the test unless f panics with want.
func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panic is %v, want %q", got, want)
		}
	}()
	f()
}

func TestGet(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 512, 513, 1<<16 - 1, 1 << 16, 1 << 24, 1<<24 + 1} {
		before := Outstanding()
		b := Get(n)
		if len(b.B) != 0 || cap(b.B) < n {
			t.Errorf("Get(%d): len %d, cap %d", n, len(b.B), cap(b.B))
		}
		if got := Outstanding() - before; got != 1 {
			t.Errorf("Get(%d): %d more outstanding, want 1", n, got)
		}
		b.Release()
		if got := Outstanding() - before; got != 0 {
			t.Errorf("Get(%d) and Release: %d more outstanding, want 0", n, got)
		}
	}
}

func TestGetNegative(t *testing.T) {
	mustPanic(t, "pool: Get of a negative size", func() { Get(-1) })
}

func TestClasses(t *testing.T) {
	for n := 1; n < 1<<20; n += n/7 + 1 {
		c := classFor(n)
		if classBytes(c) < n || c > 0 && classBytes(c-1) >= n {
			t.Errorf("classFor(%d) is %d, of %d bytes", n, c, classBytes(c))
		}
		if n < classBytes(0) {
			continue
		}
		if c := classIn(n); classBytes(c) > n || 2*classBytes(c) <= n {
			t.Errorf("classIn(%d) is %d, of %d bytes", n, c, classBytes(c))
		}
	}
	for n, want := range map[int]uint8{0: 0, 64: 0, 65: 1, 1 << 24: oversize - 1, 1<<24 + 1: oversize, 1 << 40: oversize} {
		if got := classFor(n); got != want {
			t.Errorf("classFor(%d) is %d, want %d", n, got, want)
		}
	}
}

func TestReleaseTwice(t *testing.T) {
	for _, n := range []int{10, 1<<24 + 1} {
		b := Get(n)
		b.Release()
		mustPanic(t, "pool: release of a free buffer", b.Release)
	}
}

func TestRetainFree(t *testing.T) {
	b := Get(10)
	b.Release()
	mustPanic(t, "pool: retain of a free buffer", func() { b.Retain() })
}

func TestRetainKeeps(t *testing.T) {
	before := Outstanding()
	b := Get(10)
	b.B = append(b.B, "hello"...)
	if b.Retain() != b {
		t.Error("Retain returned another buffer")
	}
	b.Release()
	if got := Outstanding() - before; got != 1 || string(b.B) != "hello" {
		t.Errorf("one holder left: %d outstanding and %q, want 1 and hello", got, b.B)
	}
	b.Release()
	if got := Outstanding() - before; got != 0 || b.B != nil {
		t.Errorf("no holder left: %d outstanding and %d bytes to be seen, want 0 and 0", got, len(b.B))
	}
}

func TestSettle(t *testing.T) {
	const largest = 1 << maxClassBits
	for _, tt := range []struct {
		name  string
		grown []byte
		want  int
	}{
		{"untouched", make([]byte, 0, 128), 128},
		{"resliced", make([]byte, 100), 128},
		{"taken away", nil, 128},
		{"grown within its class", make([]byte, 0, 255), 128},
		{"grown to the next class", make([]byte, 10, 256), 256},
		{"grown beyond a class's size", make([]byte, 10, 1535), 1024},
		{"grown to the largest class", make([]byte, 0, largest), largest},
		{"grown beyond the largest class", make([]byte, 0, largest+1), 128},
	} {
		mem := &bytebufferpool.ByteBuffer{B: make([]byte, 0, 128)}
		c, got := settle(classFor(128), mem, tt.grown)
		if got != mem || cap(mem.B) != tt.want || classBytes(c) != tt.want {
			t.Errorf("%s: %d bytes in the class of %d, want %d", tt.name, cap(mem.B), classBytes(c), tt.want)
		}
	}
}

func TestSizeOfBuffer(t *testing.T) {
	if got := unsafe.Sizeof(Buffer{}); got != 56 {
		t.Errorf("Buffer is %d bytes, want 56", got)
	}
}

// TestBuffersAreApart has goroutines pass marked buffers around: no two of them share memory, and
// all come home.
func TestBuffersAreApart(t *testing.T) {
	before := Outstanding()
	const goroutines, rounds = 4, 3000
	given := make(chan *Buffer, 64)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range rounds {
				b := Get(i * 7 % 3000)
				mark := byte(g*rounds + i)
				b.B = append(b.B, bytes.Repeat([]byte{mark}, i*11%4000+1)...)
				given <- b.Retain()
				b.Release()
			}
		})
		wg.Go(func() {
			for range rounds {
				b := <-given
				if bytes.Count(b.B, b.B[:1]) != len(b.B) {
					t.Errorf("a buffer of %d bytes was written to by two goroutines", len(b.B))
				}
				b.Release()
			}
		})
	}
	wg.Wait()
	if got := Outstanding() - before; got != 0 {
		t.Errorf("%d buffers did not come home", got)
	}
}

// FuzzBuffer: whatever is got, written, retained and released, each buffer has the bytes that were
// written to it, room for what was asked for, and the count of those outstanding is right.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 10, 1, 200, 2, 0, 3, 0, 3, 0})
	f.Add([]byte{0, 255, 4, 99, 1, 255, 1, 255, 1, 255, 3, 0, 0, 255})
	f.Fuzz(func(t *testing.T, ops []byte) {
		type held struct {
			b    *Buffer
			want []byte
			refs int
		}
		var all []*held
		before := Outstanding()
		for ops = ops[:min(len(ops), 256)]; len(ops) >= 2; ops = ops[2:] {
			op, n := ops[0]%4, int(ops[1])
			if op == 0 || len(all) == 0 {
				b := Get(n * n)
				if len(b.B) != 0 || cap(b.B) < n*n {
					t.Fatalf("Get(%d): len %d, cap %d", n*n, len(b.B), cap(b.B))
				}
				all = append(all, &held{b: b, refs: 1})
				continue
			}
			i := n % len(all)
			h := all[i]
			switch op {
			case 1:
				more := bytes.Repeat([]byte{ops[1]}, n)
				h.b.B, h.want = append(h.b.B, more...), append(h.want, more...)
			case 2:
				h.b.Retain()
				h.refs++
			case 3:
				if !bytes.Equal(h.b.B, h.want) {
					t.Fatalf("a buffer has other bytes than were written to it")
				}
				h.b.Release()
				if h.refs--; h.refs == 0 {
					all = append(all[:i], all[i+1:]...)
				}
			}
			if got := Outstanding() - before; got != int64(len(all)) {
				t.Fatalf("%d outstanding, want %d", got, len(all))
			}
		}
		for _, h := range all {
			if !bytes.Equal(h.b.B, h.want) {
				t.Fatalf("a buffer has other bytes than were written to it")
			}
			for range h.refs {
				h.b.Release()
			}
		}
	})
}
