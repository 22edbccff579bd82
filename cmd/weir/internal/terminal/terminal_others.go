//go:build !linux && !darwin && !freebsd

package terminal

import "os"

// Is says whether f is a terminal: a character device that is not the null
// device.
func Is(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// Columns returns the width of the terminal f.
func Columns(f *os.File) int { return DefaultColumns }

// Raw returns [ErrNoRaw]: the terminal edits lines by itself.
func Raw(f *os.File) (restore func() error, err error) { return nil, ErrNoRaw }
