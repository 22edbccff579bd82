// Package terminal says what kind of terminal a file is, and takes it out of
// its line mode.
package terminal

import (
	"errors"
	"os"
)

// DefaultColumns is the width of a terminal that does not tell its own.
const DefaultColumns = 80

// ErrNoRaw is returned by Raw where it does not work.
var ErrNoRaw = errors.New("terminal: no raw mode here")

// Colour says whether f shows colours and its reader wants them: f is a
// terminal that is not dumb, and NO_COLOR is not set (no-color.org).
func Colour(f *os.File) bool {
	return Is(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
