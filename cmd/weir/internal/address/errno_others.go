//go:build !windows

package address

import "syscall"

const (
	errInUse        = syscall.EADDRINUSE
	errNotAvailable = syscall.EADDRNOTAVAIL
	errAccess       = syscall.EACCES
)
