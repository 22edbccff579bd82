//go:build !unix

package bench

import "syscall"

// shallow does nothing where the options are not known.
func shallow(_, _ string, _ syscall.RawConn) error { return nil }
