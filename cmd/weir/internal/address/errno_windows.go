package address

import "syscall"

// Winsock has numbers of its own, and package syscall does not map them.
const (
	errInUse        = syscall.Errno(10048) // WSAEADDRINUSE
	errNotAvailable = syscall.Errno(10049) // WSAEADDRNOTAVAIL
	errAccess       = syscall.WSAEACCES
)
