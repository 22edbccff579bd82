//go:build unix

package weirtest

import (
	"io"
	"net"
	"syscall"
	"testing"
)

// Stalled connects to a topic of the server at host, and reads nothing, not even
// the answer; little waits in the kernel. The connection ends with the test.
func Stalled(t *testing.T, host, topic string) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, rc syscall.RawConn) error {
		return rc.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) }) // more is no harm
	}}
	c, err := d.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ask := "GET /ws?topic=" + topic + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(c, ask); err != nil {
		t.Fatal(err)
	}
	return c
}
