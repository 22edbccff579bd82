package echo

import (
	"errors"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// CanLock says whether LockMemory works on this system.
const CanLock = true

// LockMemory keeps all of the process's memory, that of later too, in RAM.
func LockMemory() error { return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE) }

// returnMemory collects garbage and returns free memory to the system, which
// the system refuses of locked memory: so with locked all is unlocked for that
// moment. What is left is locked again without the holes being filled, and
// what is taken later is filled at once as before.
func returnMemory(locked bool) error {
	if !locked {
		debug.FreeOSMemory()
		return nil
	}
	if err := unix.Munlockall(); err != nil {
		return err
	}
	debug.FreeOSMemory()
	return errors.Join(unix.Mlockall(unix.MCL_CURRENT|unix.MCL_ONFAULT), unix.Mlockall(unix.MCL_FUTURE))
}
