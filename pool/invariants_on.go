//go:build invariants

package pool

// Invariants is whether the package was built with -tags invariants. Then a Buffer that comes home
// is filled with 0xCC, Get panics when such memory was written to since, and no *Buffer is lent
// twice, so that every second Release panics. That costs time and allocations: it is for tests.
const Invariants = true

// poisonByte fills memory that is home.
const poisonByte = 0xCC

// poison ruins all of b, up to its capacity.
func poison(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = poisonByte
	}
}

// checkPoison panics unless b's memory is as poison left it, or zero throughout: bytebufferpool
// made it.
func checkPoison(b []byte) {
	b = b[:cap(b)]
	want := byte(poisonByte)
	if b[0] == 0 {
		want = 0
	}
	for _, c := range b {
		if c != want {
			panic("pool: a buffer was written to after its release")
		}
	}
}
