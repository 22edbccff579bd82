//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package poller

import (
	"errors"
	"net"
)

// On this system every connection is a stream. Options.Streams is set, so that what follows is
// not reached.

const haveReactor = false

type reactor struct{ channel }

type table struct{}

func quietNetpoll() {}

func openReactor() (*reactor, error) { return nil, errors.ErrUnsupported }

func hasDescriptor(net.Conn) bool { return false }

func takeDescriptor(net.Conn) (int, error) { return -1, errors.ErrUnsupported }

func (l *Loop) adopt(int, *Conn) error { return errors.ErrUnsupported }

func (t *table) of(*Loop) []*Conn { return nil }

func (l *Loop) attachSock(int, []byte, *Conn) error { return errors.ErrUnsupported }

func (l *Loop) useFaults() {}

func (c *Conn) send([]byte) (int, error)          { return 0, net.ErrClosed }
func (c *Conn) sendBuffers([][]byte) (int, error) { return 0, net.ErrClosed }
func (c *Conn) readSock(bool)                     {}
func (c *Conn) shutdownWrite() error              { return net.ErrClosed }
func (c *Conn) closeSock() error                  { return net.ErrClosed }
func (c *Conn) detachSock() (net.Conn, error)     { return nil, net.ErrClosed }
func (c *Conn) sockName() net.Addr                { return nil }
func (c *Conn) peerName() net.Addr                { return nil }

type acceptor struct{}

func (ln *Listener) takeSocket() error { return nil }

func (ln *Listener) configure(o ListenOptions) error {
	if o.ReusePort {
		return errors.ErrUnsupported
	}
	return nil
}

func (a *acceptor) start(Deal) error { return errors.ErrUnsupported }
func (a *acceptor) close()           {}
