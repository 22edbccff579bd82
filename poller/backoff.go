package poller

import (
	"log/slog"
	"net"
	"sync/atomic"
	"time"
)

// backOff spaces the attempts of a listener that can't accept, and what it says about that.
type backOff struct {
	log   *slog.Logger
	pause time.Duration
	quiet atomic.Bool // a line was written less than acceptLogPause ago
}

// reset follows a success.
func (b *backOff) reset() { b.pause = 0 }

// next returns how long to wait before the next attempt.
func (b *backOff) next() time.Duration {
	b.pause = min(max(2*b.pause, minAcceptPause), maxAcceptPause)
	return b.pause
}

// report logs err, at most once a second.
func (b *backOff) report(err error, addr net.Addr) {
	if b.quiet.Swap(true) {
		return
	}
	time.AfterFunc(acceptLogPause, func() { b.quiet.Store(false) })
	b.log.Warn("poller: a listener pauses", "addr", addr.String(), "error", err)
}
