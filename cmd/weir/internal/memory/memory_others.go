//go:build !linux

package memory

// Now is not known here.
func Now() (State, bool) { return State{}, false }

// Resident is not known here.
func Resident() (int64, bool) { return 0, false }
