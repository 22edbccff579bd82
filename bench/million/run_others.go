//go:build !linux

package million

import (
	"context"
	"errors"
)

// errLinux is what remains of the run where choose has not refused it already.
var errLinux = errors.New("million: the run needs Linux")

// Guest is for the first process of a guest kernel that Run starts, on Linux. Here it
// returns an error at once.
func Guest() error { return errLinux }

func launch(context.Context, *Options, string, string, *plan) (*Result, error) { return nil, errLinux }

func onHost(context.Context, *Options, *plan) (*Result, error) { return nil, errLinux }
