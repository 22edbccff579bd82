package echo

import "golang.org/x/sys/unix"

// CanLock says whether LockMemory works on this system.
const CanLock = true

// LockMemory keeps all of the process's memory, that of later too, in RAM.
func LockMemory() error { return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE) }
