// Package spelling finds the word that was meant.
package spelling

import "strings"

// Nearest returns the candidate that word was most likely meant to be, or
// false if none is near: at most a third of its letters differ, counting a
// transposition once, or one begins the other, or most of their parts are the
// same.
func Nearest(word string, candidates []string) (string, bool) {
	best, at := "", -1
	for _, c := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if d > max(1, len(c)/3) {
			begins := len(word) > 1 && strings.HasPrefix(c, word) || len(c) > 2 && strings.HasPrefix(word, c)
			if !begins && !alike(word, c) {
				continue
			}
			d += len(c) // a worse guess than any misspelt one
		}
		if at < 0 || d < at {
			best, at = c, d
		}
	}
	return best, at >= 0
}

// alike reports whether more than half of the parts of two names, with
// underscores between them, are the same and in the same places.
func alike(a, b string) bool {
	as, bs := strings.Split(a, "_"), strings.Split(b, "_")
	same := 0
	for i := range min(len(as), len(bs)) {
		if as[i] == bs[i] {
			same++
		}
	}
	return same > 1 && 2*same > max(len(as), len(bs))
}

// distance is the optimal string alignment distance of a and b in bytes:
// insertions, deletions, substitutions, and transpositions of neighbours.
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
