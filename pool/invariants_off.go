//go:build !invariants

package pool

// Invariants is whether the package was built with -tags invariants. Then a Buffer that comes home
// is filled with 0xCC, Get panics when such memory was written to since, and no *Buffer is lent
// twice, so that every second Release panics. That costs time and allocations: it is for tests.
const Invariants = false

// poison ruins memory in the other build.
func poison([]byte) {}

// checkPoison looks for writes in the other build.
func checkPoison([]byte) {}
