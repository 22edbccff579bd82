// Package memory says how much memory weir may use, and how much is used.
package memory

// State is how it is with memory at one moment, in bytes.
type State struct {
	// Limit is what weir may use: its control group's, or the machine's.
	Limit int64
	// Used is what of that cannot be had back by dropping caches.
	Used int64
	// Group is true if the limit is a control group's.
	Group bool
}

// Full reports whether more than percent of the limit is used.
func (s State) Full(percent int64) bool { return s.Limit > 0 && s.Used >= s.Limit/100*percent }
