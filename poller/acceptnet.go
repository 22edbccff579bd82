package poller

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// acceptNet accepts from a listener without a descriptor of ours, on a goroutine of its own.
func (ln *Listener) acceptNet(deal Deal) {
	wait := backOff{log: ln.p.options.Log}
	for {
		nc, err := ln.net.Accept()
		if err == nil {
			wait.reset()
			ln.dealNet(nc, deal)
			continue
		}
		if ln.isClosed() {
			return
		}
		if !passing(err) {
			ln.p.options.Log.Error("poller: a listener ends", "addr", ln.addr.String(), "error", err)
			return
		}
		wait.report(err, ln.addr)
		select {
		case <-time.After(wait.next()):
		case <-ln.closing:
			return
		}
	}
}

// dealNet deals one connection.
func (ln *Listener) dealNet(nc net.Conn, deal Deal) {
	to := ln.p.deal()
	c, h := deal(to, addrPortOf(nc.RemoteAddr()))
	if c == nil {
		_ = nc.Close() // refused
		return
	}
	if err := ln.p.attach(to, nc, nil, c, h); err != nil {
		c.fail(err)
	}
}

// passing reports whether the next accept may succeed.
func passing(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (ln *Listener) isClosed() bool {
	select {
	case <-ln.closing:
		return true
	default:
		return false
	}
}
