//go:build unix

package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareDescriptors is what the generator needs besides its connections.
const spareDescriptors = 64

// checkDescriptors refuses more connections than this process may open. The Go
// runtime has raised the soft limit to the hard one already.
func checkDescriptors(conns int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("bench: getrlimit: %w", err)
	}
	if conns < 0 || uint64(conns)+spareDescriptors > uint64(lim.Cur) {
		return fmt.Errorf("bench: %d connections need %d descriptors and the limit is %d: raise it with ulimit -n, or ask for fewer",
			conns, conns+spareDescriptors, lim.Cur)
	}
	return nil
}
