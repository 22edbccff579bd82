package wheel

import "testing"

// BenchmarkSet is what a connection pays that puts off its deadline.
func BenchmarkSet(b *testing.B) {
	for _, bm := range []struct {
		name  string
		ahead func(i int) uint32
	}{
		{"unchanged", func(int) uint32 { return 300 }},
		{"later", func(i int) uint32 { return 300 + uint32(i)&1023 }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			w := New(nodeOf)
			owners := make([]owner, 1<<10)
			i := 0
			for b.Loop() {
				w.Set(&owners[i*31&(1<<10-1)], bm.ahead(i>>10))
				i++
			}
		})
	}
}

// BenchmarkAdvance is one tick of a wheel whose deadlines are each set anew, 300 ticks ahead.
func BenchmarkAdvance(b *testing.B) {
	for _, bm := range []struct {
		name   string
		owners int
	}{{"empty", 0}, {"10k", 10_000}, {"100k", 100_000}} {
		b.Run(bm.name, func(b *testing.B) {
			w := New(nodeOf)
			owners := make([]owner, bm.owners)
			for i := range owners {
				w.Set(&owners[i], uint32(i%300))
			}
			fires := 0
			again := func(o *owner) {
				fires++
				w.Set(o, w.Now()+300)
			}
			for b.Loop() {
				w.Advance(w.Now()+1, again)
			}
			b.ReportMetric(float64(fires)/float64(b.N), "fires/op")
		})
	}
}

// BenchmarkJump is an Advance over the longest distance there is.
func BenchmarkJump(b *testing.B) {
	w := New(nodeOf)
	for b.Loop() {
		w.Advance(w.Now()+1<<31-1, nil)
	}
}
