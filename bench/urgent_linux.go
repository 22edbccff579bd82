package bench

import (
	"net"

	"golang.org/x/sys/unix"
)

// sendUrgent sends b with its last byte as TCP's urgent one.
func sendUrgent(tcp *net.TCPConn, b []byte) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), b, unix.MSG_OOB, nil) }); err != nil {
		return err
	}
	return sent
}
