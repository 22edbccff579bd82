package million

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of a holder.
const (
	batch         = 256    // connections or pings under way at once
	portsPerAddr  = 20_000 // connections from one address: below the 28,232 ports that Linux hands out
	maxFailures   = 100    // after which a run is over
	keptFailures  = 5      // whose reasons are kept
	scratchBytes  = 4096   // read buffer: more than a head or a few frames
	eventsAtOnce  = 512    // of epoll
	retreatLinger = 0      // seconds: closing resets, and leaves no socket behind
)

// holder is the other end of all connections. It is used by one goroutine.
type holder struct {
	server netip.AddrPort
	ask    *upgrade
	fds    []int32 // of the connections by number; -1: it failed
	watch  int     // epoll descriptor that watches all, to answer pings; -1: the server sends none
	ready  []unix.EpollEvent

	in, out  []byte // scratch
	mask     [4]byte
	answered int64 // pings of the server
	upgrades Tally
	failed   int
	failures []string
}

// newHolder makes a holder for at most conns connections to a server; watching says
// that the server sends pings.
func newHolder(server netip.AddrPort, conns int, watching bool) (*holder, error) {
	h := &holder{
		server: server,
		ask:    newUpgrade(server.String()),
		fds:    make([]int32, 0, conns),
		watch:  -1,
		in:     make([]byte, scratchBytes),
		out:    make([]byte, 0, scratchBytes),
		mask:   [4]byte{0x37, 0xfa, 0x21, 0x3d},
	}
	if watching {
		var err error
		if h.watch, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return nil, fmt.Errorf("million: %w", os.NewSyscallError("epoll_create1", err))
		}
		h.ready = make([]unix.EpollEvent, eventsAtOnce)
	}
	return h, nil
}

// close closes all connections at once.
func (h *holder) close() {
	for _, fd := range h.fds {
		if fd >= 0 {
			_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: retreatLinger})
			_ = unix.Close(int(fd)) // nothing waits to be written
		}
	}
	h.fds = nil
	if h.watch >= 0 {
		_ = unix.Close(h.watch) // only read from
		h.watch = -1
	}
}

// fail notes that something about a connection went wrong; the error ends the run.
func (h *holder) fail(t *Tally, conn int, what string, err error) error {
	t.Failed++
	h.failed++
	if len(h.failures) < keptFailures {
		h.failures = append(h.failures, fmt.Sprintf("%s on connection %d: %v", what, conn, err))
	}
	if h.failed < maxFailures {
		return nil
	}
	return fmt.Errorf("million: %d failures are enough: %s", h.failed, h.failures[0])
}

// drop closes a connection that failed.
func (h *holder) drop(conn int) {
	if fd := h.fds[conn]; fd >= 0 {
		_ = unix.Close(int(fd)) // it has failed already
	}
	h.fds[conn] = -1
}

// connect adds connections until there are n, or all of a batch more.
func (h *holder) connect(n int) error {
	first := len(h.fds)
	for conn := first; conn < min(n, first+batch); conn++ {
		fd, err := connectFrom(source(conn), h.server)
		h.fds = append(h.fds, fd)
		if err == nil {
			h.out = h.ask.append(h.out[:0], conn)
			err = send(fd, h.out)
		}
		if err != nil {
			h.drop(conn)
			if err := h.fail(&h.upgrades, conn, "upgrade", err); err != nil {
				return err
			}
		}
	}
	for conn := first; conn < len(h.fds); conn++ {
		if h.fds[conn] < 0 {
			continue
		}
		if err := h.greet(conn); err != nil {
			h.drop(conn)
			if err := h.fail(&h.upgrades, conn, "upgrade", err); err != nil {
				return err
			}
			continue
		}
		h.upgrades.Done++
	}
	return nil
}

// source is the address that a connection comes from: there are enough of them on the
// loopback interface that no pair of addresses runs out of ports.
func source(conn int) netip.Addr {
	n := conn/portsPerAddr + 1
	return netip.AddrFrom4([4]byte{127, 1, byte(n >> 8), byte(n)})
}

// greet reads and judges the answer to a connection's request.
func (h *holder) greet(conn int) error {
	fd, have := h.fds[conn], 0
	for {
		n, err := receiveSome(fd, h.in[have:])
		if err != nil {
			return err
		}
		have += n
		end := bytes.Index(h.in[:have], []byte("\r\n\r\n"))
		switch {
		case end < 0 && have == len(h.in):
			return errors.New("the answer's head does not end")
		case end < 0:
			continue
		case !bytes.HasPrefix(h.in, []byte("HTTP/1.1 101 ")):
			return fmt.Errorf("the answer is %q", h.in[:bytes.IndexByte(h.in, '\r')])
		case !bytes.Contains(h.in[:end], []byte(accept(key(conn)))):
			return errors.New("the answer has a wrong Sec-WebSocket-Accept")
		case have != end+4:
			return errors.New("the server speaks first")
		}
		break
	}
	if h.watch < 0 {
		return nil
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(h.watch, unix.EPOLL_CTL_ADD, int(fd), &event))
}

// expect reads frames of a connection until one is as wanted and nothing is left over.
// Pings are answered.
func (h *holder) expect(fd int32, op byte, payload []byte) error {
	for have, found := 0, false; !found || have > 0; {
		n, err := receiveSome(fd, h.in[have:])
		if err != nil {
			return err
		}
		have += n
		rest, err := h.take(fd, h.in[:have], func(f frame) error {
			if found || f.op != op || !bytes.Equal(f.payload, payload) {
				return fmt.Errorf("got a frame with opcode %d and %q, want opcode %d and %q", f.op, f.payload, op, payload)
			}
			found = true
			return nil
		})
		if err != nil {
			return err
		}
		have = copy(h.in, rest)
	}
	return nil
}

// take answers the pings in b and gives all other frames to on; what is not whole
// comes back.
func (h *holder) take(fd int32, b []byte, on func(frame) error) (rest []byte, err error) {
	for {
		f, n, err := parseFrame(b)
		if err != nil || n == 0 {
			return b, err
		}
		if f.op == opPing {
			err = send(fd, appendFrame(h.out[:0], opPong, h.mask, f.payload))
			h.answered++
		} else {
			err = on(f)
		}
		if err != nil {
			return b, err
		}
		b = b[n:]
	}
}

// echo sends text on a connection and waits until it comes back.
func (h *holder) echo(conn int, text []byte) error {
	h.out = appendFrame(h.out[:0], opText, h.mask, text)
	if err := send(h.fds[conn], h.out); err != nil {
		return err
	}
	return h.expect(h.fds[conn], opText, text)
}

// sweep sends pings on a batch of connections from first on, and waits for all pongs.
// Each carries the connection's number.
func (h *holder) sweep(t *Tally, first int) error {
	last := min(first+batch, len(h.fds))
	sent := make([]error, last-first)
	for conn := first; conn < last; conn++ {
		if h.fds[conn] >= 0 {
			sent[conn-first] = send(h.fds[conn], appendFrame(h.out[:0], opPing, h.mask, numbered(conn)))
		}
	}
	for conn := first; conn < last; conn++ {
		err := sent[conn-first]
		switch {
		case h.fds[conn] < 0:
			err = errors.New("it is not open")
		case err == nil:
			err = h.expect(h.fds[conn], opPong, numbered(conn))
		}
		if err == nil {
			t.Done++
			continue
		}
		if err := h.fail(t, conn, "ping", err); err != nil {
			return err
		}
	}
	return nil
}

// numbered is the payload of a connection's ping.
func numbered(conn int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(conn)) }

// rest lets d pass, answering the server's pings meanwhile.
func (h *holder) rest(ctx context.Context, d time.Duration) error {
	if h.watch < 0 {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for deadline := time.Now().Add(d); ; {
		left := max(time.Until(deadline), 0)
		if err := h.answer(min(left, time.Second)); err != nil {
			return err
		}
		if left == 0 || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// answer answers the pings that come within a time, and returns when none is left.
func (h *holder) answer(within time.Duration) error {
	if h.watch < 0 {
		return nil
	}
	for {
		n, err := unix.EpollWait(h.watch, h.ready, int(within/time.Millisecond))
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("million: %w", os.NewSyscallError("epoll_wait", err))
		}
		for _, e := range h.ready[:max(n, 0)] {
			if err := h.answerOne(e.Fd); err != nil {
				return fmt.Errorf("million: a connection at rest: %w", err)
			}
		}
		if n < len(h.ready) {
			return nil
		}
		within = 0
	}
}

// answerOne answers the pings that have come on a connection.
func (h *holder) answerOne(fd int32) error {
	n, err := receive(fd, h.in)
	if err != nil {
		if err == errEmpty {
			return nil
		}
		return err
	}
	rest, err := h.take(fd, h.in[:n], func(f frame) error { return fmt.Errorf("got a frame with opcode %d that nobody asked for", f.op) })
	if err == nil && len(rest) > 0 {
		err = errors.New("half a ping") // frames of a few bytes leave a socket whole
	}
	return err
}
