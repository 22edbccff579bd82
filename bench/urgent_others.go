//go:build !linux

package bench

import (
	"errors"
	"net"
)

// sendUrgent sends b with its last byte as TCP's urgent one.
func sendUrgent(*net.TCPConn, []byte) error {
	return errors.New("urgent bytes are sent on Linux only")
}
