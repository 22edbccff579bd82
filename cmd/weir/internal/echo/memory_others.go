//go:build !linux

package echo

import (
	"errors"
	"runtime/debug"
)

// CanLock says whether LockMemory works on this system.
const CanLock = false

// LockMemory keeps all of the process's memory, that of later too, in RAM.
func LockMemory() error { return errors.ErrUnsupported }

// returnMemory collects garbage and returns free memory to the system.
func returnMemory(bool) error {
	debug.FreeOSMemory()
	return nil
}
