package poller

import (
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

const (
	// Only a read or a write says that a connection is over: the descriptor may be a new one's.
	epollRead  = unix.EPOLLIN | epollLinger
	epollWrite = unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP
	// A read stops before an urgent byte, and the FIN behind the last bytes brings no further edge.
	epollLinger = unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

func eventBits(ev netpoll.IOEvent, _ netpoll.IOFlags) (bits uint8) {
	if ev&epollRead != 0 {
		bits = eventRead
	}
	if ev&epollWrite != 0 {
		bits |= eventWrite
	}
	if ev&epollLinger != 0 {
		bits |= eventLinger
	}
	return bits
}
