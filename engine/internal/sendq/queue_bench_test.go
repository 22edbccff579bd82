package sendq

import "testing"

// A reply that is written at once.
func BenchmarkCommitWrote(b *testing.B) {
	q := New(nil)
	defer q.Free()
	for b.Loop() {
		q.Commit(q.Reserve(34)[:34], Terms{})
		q.Wrote(len(q.Lead(1 << 18)))
	}
}

// A message to a reader that is full, by policy.
func BenchmarkStalled(b *testing.B) {
	w, frame := new(blinded), make([]byte, 1000)
	full := func(class Class) *Queue {
		q := New(nil)
		stuck(q)
		q.Hold(0)
		for range 1000 {
			q.Share(nil, frame, Terms{Class: class})
		}
		return q
	}
	b.Run("oldest", func(b *testing.B) {
		q := full(Oldest)
		for b.Loop() {
			q.Share(nil, frame, Terms{Class: Oldest})
			q.Evict(nil, w)
		}
		empty(q)
	})
	b.Run("conflate", func(b *testing.B) {
		q := full(Data)
		var of any = q
		for b.Loop() {
			q.ShareKeyed(Key{of, "the key of it"}, nil, frame, Terms{Class: Latest}, w)
		}
		empty(q)
	})
}

type blinded struct{}

func (*blinded) Dropped(Reason, []byte) {}

// Sixteen replies that leave together.
func BenchmarkReplies(b *testing.B) {
	q := New(nil)
	defer q.Free()
	q.Commit(q.Reserve(34)[:34], Terms{})
	q.Wrote(34)
	b.Run("Append", func(b *testing.B) {
		for b.Loop() {
			for range 16 {
				if q.Append(34, Data, 0) == nil {
					b.Fatal("not taken")
				}
			}
			q.Wrote(len(q.Lead(1 << 18)))
		}
	})
	b.Run("Commit", func(b *testing.B) {
		for b.Loop() {
			for range 16 {
				q.Commit(q.Reserve(34)[:34], Terms{})
			}
			q.Wrote(len(q.Lead(1 << 18)))
		}
	})
}
