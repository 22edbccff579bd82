package million

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/weirws/weir/bench"
)

// Defaults of Options.
const (
	DefaultConns   = 1_000_000
	DefaultBudget  = 256
	DefaultIdle    = time.Minute
	DefaultSettle  = time.Second
	DefaultTimeout = 30 * time.Minute
)

// Options are the settings of [Run]. The zero Options work inside a checkout of this
// module with Go at hand; with Server and Holder they work anywhere.
type Options struct {
	Conns     int           // connections; 0: DefaultConns, or fewer if the memory or the limits don't carry them
	Budget    int           // bytes of private memory that a connection may cost the server; DefaultBudget; negative: any
	KeepAlive time.Duration // silence before the server pings a connection; 0: never
	Idle      time.Duration // how long the CPU time of the idle server is watched; DefaultIdle
	Settle    time.Duration // quiet before memory is read, ten times as long before CPU time is; DefaultSettle
	Timeout   time.Duration // of the whole run; DefaultTimeout

	Way    Way    // how to get the descriptors; "": Host if its limits allow, else UML
	Kernel string // path of linux.uml; "": the one of FindKernel, or else Debian's, which is kept in Cache
	Cache  string // directory that keeps a fetched kernel; "": weir in the user's cache directory

	// Server is the command line of the server without the flags that Run adds:
	// --listen, --stats, --keepalive and, if need be, --lock-memory. Holder is the
	// command line of a program that calls Guest. Under UML both must be linked
	// statically. nil: weir, built by go build in the module of the current directory.
	Server, Holder []string

	// Progress and Log are told how far the run is, and what it does: a line without
	// its end. They are called on one goroutine at a time. nil: nobody is told.
	Progress func(bench.Progress)
	Log      func(line string)
}

// resolve checks o and fills in its defaults.
func (o Options) resolve() (Options, error) {
	switch {
	case o.Conns < 0 || o.Conns == 1:
		return o, fmt.Errorf("million: Conns is %d, and at least 2 make a slope", o.Conns)
	case min(o.KeepAlive, o.Idle, o.Settle, o.Timeout) < 0:
		return o, errors.New("million: a duration is negative")
	case o.Way != "" && o.Way != Host && o.Way != UML:
		return o, fmt.Errorf("million: Way is %q, and there are %q and %q", o.Way, Host, UML)
	}
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	if o.Idle == 0 {
		o.Idle = DefaultIdle
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir() // an account without a home has no better place
		}
		o.Cache = filepath.Join(dir, "weir")
	}
	if o.Progress == nil {
		o.Progress = func(bench.Progress) {}
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return o, nil
}
