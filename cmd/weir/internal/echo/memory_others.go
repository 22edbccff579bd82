//go:build !linux

package echo

import "errors"

// CanLock says whether LockMemory works on this system.
const CanLock = false

// LockMemory keeps all of the process's memory, that of later too, in RAM.
func LockMemory() error { return errors.ErrUnsupported }
