//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package poller

import (
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

func eventBits(ev netpoll.IOEvent, flags netpoll.IOFlags) (bits uint8) {
	if netpoll.IsWriteEvent(ev) {
		return eventWrite
	}
	if flags&(unix.EV_EOF|unix.EV_ERROR) != 0 {
		return eventRead | eventLinger
	}
	return eventRead
}
