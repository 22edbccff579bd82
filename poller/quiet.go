//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package poller

import (
	"fmt"
	"sync"

	"github.com/panjf2000/gnet/v2/pkg/logging"
)

// quietNetpoll keeps gnet's default logger, which writes to stdout, from doing so. What netpoll logs
// it returns as an error too, and that is logged here.
var quietNetpoll = sync.OnceFunc(func() { logging.SetDefaultLoggerAndFlusher(silent{}, nil) })

type silent struct{}

var _ logging.Logger = silent{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

func (silent) Fatalf(format string, args ...any) {
	panic("poller: netpoll: " + fmt.Sprintf(format, args...))
}
