package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// raw is a WebSocket of which the test writes and reads every byte itself.
type raw struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func newRaw(t *testing.T, host, path string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r := &raw{t, c, bufio.NewReader(c)}
	r.write(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, host))
	answer, err := http.ReadResponse(r.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %s, want 101", answer.Status)
	}
	return r
}

func (r *raw) write(bytes string) {
	r.t.Helper()
	if _, err := io.WriteString(r, bytes); err != nil {
		r.t.Fatal(err)
	}
}

// want reads as many bytes as that, which must be these.
func (r *raw) want(bytes string) {
	r.t.Helper()
	got := make([]byte, len(bytes))
	if n, err := io.ReadFull(r.in, got); err != nil || string(got) != bytes {
		r.t.Fatalf("got % x, %v, want % x", got[:n], err, bytes)
	}
}
