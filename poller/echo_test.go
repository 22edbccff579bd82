package poller_test

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/weirws/weir/poller"
)

// echo sends everything back, and closes when its peer has ended.
type echo struct {
	poller.Conn
	rest []byte // what a short write left
	over bool
}

func (e *echo) Open()        {}
func (e *echo) Room() []byte { return nil }
func (e *echo) Turned()      {}

func (e *echo) Data(b []byte) {
	n := 0
	if len(e.rest) == 0 {
		n, _ = e.Write(b) // an error comes to End too
	}
	if n < len(b) {
		e.rest = append(e.rest, b[n:]...)
		e.Pause()
	}
}

func (e *echo) Drain() {
	n, _ := e.Write(e.rest) // an error comes to End too
	e.rest = e.rest[n:]
	if len(e.rest) > 0 {
		return
	}
	e.Resume()
	if e.over {
		e.Close()
	}
}

func (e *echo) End(error) {
	e.over = true
	if len(e.rest) == 0 {
		e.Close()
	}
}

func TestEcho(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options poller.Options
	}{
		{"one loop", poller.Options{Loops: 1}},
		{"several loops", poller.Options{Loops: 3}},
		{"streams", poller.Options{Loops: 2, Streams: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := poller.New(tt.options)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			ln, err := p.Listen("tcp", "127.0.0.1:0", poller.ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			err = ln.Deal(func(to *poller.Loop, remote netip.AddrPort) (*poller.Conn, poller.Handler) {
				if !remote.Addr().IsLoopback() {
					t.Errorf("remote is %v, want loopback", remote)
				}
				e := new(echo)
				return &e.Conn, e
			})
			if err != nil {
				t.Fatal(err)
			}
			nc, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			go func() {
				nc.Write(sent)
				nc.(*net.TCPConn).CloseWrite()
			}()
			got, err := io.ReadAll(nc)
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("got %d bytes (%v), want the %d sent", len(got), err, len(sent))
			}
		})
	}
}
