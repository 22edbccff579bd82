//go:build unix

package capacity

import "syscall"

// descriptors is the most descriptors that this process may have. Go has raised
// the soft limit to the hard one at its start.
func descriptors() (uint64, bool) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true // it is signed on FreeBSD
}
