package pool

import "testing"

// FuzzRing: whatever is pushed and popped, a ring does what a slice does, keeps nothing that was
// taken out, and has no large memory once it was shrunk.
func FuzzRing(f *testing.F) {
	f.Add([]byte{5, 133, 9, 130, 200, 20, 255})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var r ring[*int]
		var want []*int
		for _, op := range ops[:min(len(ops), 32)] {
			for range op & 127 {
				if op < 128 {
					item := new(int)
					*r.push() = item
					want = append(want, item)
				} else if len(want) > 0 {
					if got := r.pop(); got != want[0] {
						t.Fatal("pop took another item than the first")
					}
					want = want[1:]
				}
				if r.len != len(want) {
					t.Fatalf("%d items, want %d", r.len, len(want))
				}
			}
			if r.len == 0 {
				r.shrink()
				if len(r.room) > keptRingItems {
					t.Fatalf("an empty ring keeps room for %d items", len(r.room))
				}
			}
			kept := 0
			for _, item := range r.room {
				if item != nil {
					kept++
				}
			}
			if kept != len(want) {
				t.Fatalf("the ring refers to %d items, want %d", kept, len(want))
			}
		}
	})
}
