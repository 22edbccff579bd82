// Package pool lends memory and bounded goroutines, and knows when they came back.
//
// Memory is a [Buffer]: sized, reference-counted, and shared by the whole process, as the heap is.
// Goroutines are [Workers]: started when there is something to do, never more than a bound. On
// them, [Strands] run the items of many owners, those of one owner in order and one at a time.
//
// Built with -tags invariants the package ruins what is given back and panics on what uses it
// afterwards; see [Invariants].
//
// Most programs import engine only.
package pool
