// Package glob has the patterns of topic names that tokens, keys and the
// configuration are written in: a star stands for any run of characters, also
// none, and every other character for itself.
package glob

import "strings"

// Match reports whether pattern matches the whole name. It takes time linear in
// name for each star of pattern, and no memory.
func Match(pattern, name string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], after
	}
}

// Any reports whether one of the patterns matches name.
func Any(patterns []string, name string) bool {
	for _, p := range patterns {
		if Match(p, name) {
			return true
		}
	}
	return false
}

// Covers reports whether every name that inner matches is matched by outer. It
// is sure when it says yes.
func Covers(outer, inner string) bool {
	// A star of inner stands for a character that outer names nowhere: what
	// matches it there is a star.
	const anything = "\xff"
	return Match(outer, strings.ReplaceAll(inner, "*", anything))
}
