package million

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// onHost measures p on this machine, whose limits allow it.
func onHost(ctx context.Context, o *Options, p *plan) (*Result, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil, fmt.Errorf("million: %w", os.NewSyscallError("getrlimit", err))
	}
	if r.Cur = r.Max; unix.Setrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return nil, fmt.Errorf("million: the limit of descriptors cannot be raised to %s", count(r.Max))
	}
	m, err := begin(ctx, p, func(e event) {
		if e.Progress != nil {
			o.Progress(*e.Progress)
		}
	})
	if err != nil {
		return nil, err
	}
	defer m.close()
	return m.run()
}
