package poller

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"golang.org/x/sys/unix"
)

// tape is the input of a run: whatever is decided is decided by its next byte, and by nothing once it has ended.
type tape struct{ b []byte }

func (p *tape) next() (v byte, more bool) {
	if len(p.b) == 0 {
		return 0, false
	}
	v = p.b[0]
	p.b = p.b[1:]
	return v, true
}

// model is one Poller of one loop between an owner and peers that do as the tape says, on a system that answers as it
// says. All of it is used on the loop.
type model struct {
	t     *testing.T
	p     *Poller
	l     *Loop
	tape  *tape
	calm  bool // no more faults
	ends  []*modelEnd
	owed  []owedEvent // edges that a fault has swallowed
	ln    *Listener
	a     *acceptor
	drops int // sockets that a listener's fault lost
}

type owedEvent struct {
	fd int
	ev netpoll.IOEvent
}

// modelEnd is a connection as its owner sees it, and its peer.
type modelEnd struct {
	Conn
	m    *model
	peer int // descriptor of the other end; -1: closed

	opened, inTurn, over bool // Open, a Data without its Turned, End
	inside               bool
	closed               bool // by the owner
	paused               bool
	into                 bool
	room                 []byte // was given to the last Room
	short                bool   // a Write was short: Drain is owed
	finished             bool   // CloseWrite was called, or a write has failed

	sent, got        []byte // by the peer, to the owner
	written, arrived []byte // by the owner, at the peer
	peerEnded        bool   // it sends no more
	peerReset        bool   // bytes of both directions may be lost
}

// Loop, Read, Write and Accept are the Faults.
func (m *model) Loop(l *Loop, _ func(int, bool, bool)) { m.l = l }

func (m *model) Read(fd, n int) (int, unix.Errno) {
	return m.answer(fd, n, unix.EPOLLIN|unix.EPOLLRDHUP)
}
func (m *model) Write(fd, n int) (int, unix.Errno) { return m.answer(fd, n, unix.EPOLLOUT) }

// answer is what the system says to a call that could move n bytes. A call that finds nothing to do brings an edge
// later.
func (m *model) answer(fd, n int, edge netpoll.IOEvent) (int, unix.Errno) {
	if m.calm {
		return n, 0
	}
	switch v, more := m.tape.next(); {
	case !more:
		return n, 0
	case v < 40:
		return n, unix.EINTR
	case v < 90:
		m.owed = append(m.owed, owedEvent{fd, edge})
		return n, unix.EAGAIN
	case v < 170: // the system has more, or more room
		m.owed = append(m.owed, owedEvent{fd, edge})
		return 1 + (int(v)*7)%n, 0
	}
	return n, 0
}

// The callbacks, and their rules.

func (e *modelEnd) enter(name string) {
	t := e.m.t
	if e.inside {
		t.Errorf("%s within another callback", name)
	}
	e.inside = true
	if e.closed {
		t.Errorf("%s after Close", name)
	}
	if (name == "Open") == e.opened {
		t.Errorf("%s, opened: %t", name, e.opened)
	}
	if e.over && name != "Drain" {
		t.Errorf("%s after End", name)
	}
}

func (e *modelEnd) leave() { e.inside = false }

func (e *modelEnd) Open() {
	e.enter("Open")
	defer e.leave()
	e.opened = true
	e.m.act(e)
}

func (e *modelEnd) Room() []byte {
	e.enter("Room")
	defer e.leave()
	if !e.into {
		e.m.t.Error("Room without ReadInto")
	}
	e.room = nil
	if v, _ := e.m.tape.next(); v%2 == 1 {
		e.room = make([]byte, 1+int(v)*3)
	}
	return e.room
}

func (e *modelEnd) Data(b []byte) {
	e.enter("Data")
	defer e.leave()
	if e.paused || len(b) == 0 {
		e.m.t.Errorf("Data of %d bytes, paused: %t", len(b), e.paused)
	}
	if e.room != nil && &b[0] != &e.room[0] {
		e.m.t.Error("Data is not in the memory of Room")
	}
	e.room = nil
	e.inTurn = true
	e.got = append(e.got, b...)
	clear(b) // it is ours to write to
	if !bytes.HasPrefix(e.sent, e.got) {
		e.m.t.Fatalf("got %d bytes that were not sent so", len(e.got))
	}
	e.m.act(e)
}

func (e *modelEnd) Turned() {
	e.enter("Turned")
	defer e.leave()
	if !e.inTurn {
		e.m.t.Error("Turned without Data")
	}
	e.inTurn = false
	e.m.act(e)
}

func (e *modelEnd) Drain() {
	e.enter("Drain")
	defer e.leave()
	e.short = false
	e.m.act(e)
}

func (e *modelEnd) End(err error) {
	e.enter("End")
	defer e.leave()
	if e.inTurn {
		e.m.t.Error("End before Turned")
	}
	if !e.peerEnded && !e.peerReset && !errors.Is(err, unix.ECONNRESET) {
		e.m.t.Errorf("End with %v, but the peer goes on", err)
	}
	if err == io.EOF && !e.peerReset && !bytes.Equal(e.got, e.sent) {
		e.m.t.Errorf("EOF after %d of %d bytes", len(e.got), len(e.sent))
	}
	e.over = true
}

// act has the owner do something, or nothing, to e: callbacks do, and so do steps.
func (m *model) act(e *modelEnd) {
	v, more := m.tape.next()
	if !more || e.closed {
		return
	}
	n := 1 + int(v)*int(v)*4
	switch v % 16 {
	case 0, 1:
		e.send(n, func(b []byte) (int, error) { return e.Write(b) })
	case 2:
		e.send(n, func(b []byte) (int, error) { return e.WriteBuffers([][]byte{b[:n/3], nil, b[n/3 : n/2], b[n/2:]}) })
	case 3:
		e.Pause()
		e.paused = true
	case 4, 5:
		e.Resume()
		e.paused = false
	case 6:
		e.into, e.room = !e.into, nil
		e.ReadInto(e.into)
	case 7:
		if v > 200 {
			again := e.finished || e.peerEnded // then the connection may be gone
			e.finished = true
			if err := e.CloseWrite(); err != nil && !again {
				m.t.Errorf("CloseWrite: %v", err)
			}
		}
	case 8:
		if v > 128 {
			e.finish()
		}
	}
}

// send writes bytes that say where in the stream they are.
func (e *modelEnd) send(n int, write func([]byte) (int, error)) {
	if e.finished {
		return
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((len(e.written) + i) * 31 >> 3)
	}
	k, err := write(b)
	if k < 0 || k > n || err == nil && k < n && e.m.calm && e.peer < 0 {
		e.m.t.Errorf("a write of %d bytes took %d, %v", n, k, err)
	}
	e.written = append(e.written, b[:k]...)
	switch {
	case err != nil:
		if e.peer >= 0 && !e.peerReset {
			e.m.t.Errorf("write: %v", err)
		}
		e.finished = true
	case k < n:
		e.short = true
	default:
		e.short = false
	}
}

func (e *modelEnd) finish() {
	if err := e.Close(); err != nil {
		e.m.t.Errorf("Close: %v", err)
	}
	e.closed = true
}

// step is one thing that happens: the peer does something, the owner does, the system brings an event, or a connection
// comes.
func (m *model) step(v byte) {
	if len(m.ends) == 0 || v > 240 && len(m.ends) < 8 {
		m.connect(v%2 == 0)
		return
	}
	which, _ := m.tape.next()
	e := m.ends[int(which)%len(m.ends)]
	switch v % 12 {
	case 0, 1, 2:
		e.peerSends(1 + int(which)*int(v))
	case 3, 4:
		e.peerReads(1 + int(which)*100)
	case 5:
		if e.peer >= 0 && !e.peerEnded && v > 200 {
			e.peerEnded = true
			_ = unix.Shutdown(e.peer, unix.SHUT_WR) // it is connected
		}
	case 6:
		if v > 220 {
			e.peerCloses()
		}
	case 7, 8:
		if e.opened {
			m.act(e)
		}
	case 9: // an event that means nothing
		if e.sock != 0 {
			_ = m.l.event(int(e.sock)-1, netpoll.IOEvent(which), 0) // it never fails
		}
	case 10:
		m.repay()
	case 11: // an event for a descriptor that is nobody's, or another's
		_ = m.l.event(int(which), unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLHUP, 0)
	}
}

// repay brings the edges that faults have swallowed.
func (m *model) repay() {
	owed := m.owed
	m.owed = nil
	for _, o := range owed {
		_ = m.l.event(o.fd, o.ev, 0) // it never fails
	}
}

// connect makes a connection: of a pair, or through the listener, whose accept fails first as the tape says.
func (m *model) connect(accepted bool) {
	e := &modelEnd{m: m, peer: -1}
	if accepted {
		m.dial(e)
		return
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	e.peer = ends[1]
	if err := m.l.AttachFD(ends[0], &e.Conn, e); err != nil {
		m.t.Fatal(err)
	}
	m.ends = append(m.ends, e)
}

// dial connects to the listener; deal makes its connection.
func (m *model) dial(e *modelEnd) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	at := netip.MustParseAddrPort(m.ln.Addr().String())
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}); err != nil {
		m.t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		m.t.Fatal(err)
	}
	e.peer = fd
	m.ends = append(m.ends, e)
}

// Accept fails before the system's.
func (m *model) Accept() unix.Errno {
	if m.calm {
		return 0
	}
	switch v, more := m.tape.next(); {
	case !more:
	case v < 20:
		return unix.EMFILE
	case v < 40:
		return unix.ECONNABORTED
	case v < 60:
		return unix.EINTR
	}
	return 0
}

// deal finds the end whose peer has the address that a connection comes from.
func (m *model) deal(_ *Loop, remote netip.AddrPort) (*Conn, Handler) {
	for _, e := range m.ends {
		if e.peer < 0 || e.loop != nil {
			continue
		}
		sa, err := unix.Getsockname(e.peer)
		if in, ok := sa.(*unix.SockaddrInet4); err == nil && ok && in.Port == int(remote.Port()) {
			return &e.Conn, e
		}
	}
	m.drops++ // its peer has closed
	return nil, nil
}

func (e *modelEnd) peerSends(n int) {
	if e.peer < 0 || e.peerEnded {
		return
	}
	b := make([]byte, min(n, 20_000))
	for i := range b {
		b[i] = byte((len(e.sent) + i) * 17 >> 2)
	}
	k, err := unix.SendmsgN(e.peer, b, nil, nil, unix.MSG_NOSIGNAL)
	if err == nil {
		e.sent = append(e.sent, b[:k]...)
	}
}

func (e *modelEnd) peerReads(n int) (more bool) {
	if e.peer < 0 {
		return false
	}
	b := make([]byte, n)
	k, err := unix.Read(e.peer, b)
	if err != nil || k <= 0 {
		return false
	}
	e.arrived = append(e.arrived, b[:k]...)
	if !bytes.HasPrefix(e.written, e.arrived) {
		e.m.t.Fatalf("the peer got %d bytes that were not written so", len(e.arrived))
	}
	return true
}

// peerCloses closes the peer's end: with bytes that it has not read that is a reset.
func (e *modelEnd) peerCloses() {
	if e.peer < 0 {
		return
	}
	_ = unix.Close(e.peer) // what was not read is lost
	e.peer, e.peerEnded, e.peerReset = -1, true, true
}

// settle ends the faults and has everybody do what is left: then nothing may be owed.
func (m *model) settle() {
	m.calm = true
	m.repay()
	m.a.resumeNow()
	for _, e := range m.ends {
		if e.opened && !e.closed && e.paused {
			e.Resume()
			e.paused = false
		}
	}
}

// resumeNow ends a pause without waiting for its timer.
func (a *acceptor) resumeNow() {
	a.mu.Lock()
	a.pausing = false
	a.mu.Unlock()
	a.step()
}

// owes says what is still to come; "" when nothing is.
func (m *model) owes() string {
	for _, e := range m.ends {
		for e.peerReads(1 << 16) {
		}
		switch {
		case e.closed:
		case !e.opened && (e.peer >= 0 || e.loop != nil):
			return "Open"
		case !e.opened:
		case e.short && !e.over && !e.finished:
			return "Drain"
		case !e.peerReset && len(e.got) < len(e.sent):
			return "Data"
		case e.peerEnded && !e.over:
			return "End"
		case !e.peerReset && len(e.arrived) < len(e.written):
			return "bytes at the peer"
		}
	}
	return ""
}

// FuzzModel has owners and peers do anything, on a system that answers anything: short reads and writes, EINTR, EAGAIN
// and the edge much later, events that mean nothing or are another's, descriptors that run out. Properties: the
// callbacks keep to the order of Handler, bytes arrive in order and unchanged, and once the faults end all that is owed
// comes: Open, Data, Drain and End.
func FuzzModel(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x00\x10\x00\x20\x03\x40\x07\x00\x90\x00\x0a\x00"))
	f.Add(bytes.Repeat([]byte{242, 0, 3, 1, 7, 200, 12, 9, 255}, 40))
	f.Add(bytes.Repeat([]byte{1, 50, 120, 24, 80, 36, 200, 7, 80, 2, 60, 10}, 30))
	f.Add(bytes.Repeat([]byte{243, 2, 9, 200, 250, 245, 3, 7, 90, 8, 131, 100, 223, 1}, 50))
	var all []byte
	for i := range 2000 {
		all = append(all, byte(i*i*7+i>>3))
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 1<<14 {
			t.Skip("longer than anything of interest")
		}
		m := &model{t: t, tape: &tape{input}}
		p, err := New(Options{Loops: 1, ReadBytes: 4096, TurnBytes: 8192, Faults: m, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		m.p = p
		m.listen()
		m.play()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for _, e := range m.ends {
			if e.loop != nil && !e.closed {
				if !e.opened || !e.over {
					t.Errorf("after Poller.Close: opened %t, End %t", e.opened, e.over)
				}
				e.Close()
			}
			if e.peer >= 0 {
				unix.Close(e.peer)
			}
		}
	})
}

func (m *model) listen() {
	ln, err := m.p.Listen("tcp", "127.0.0.1:0", ListenOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	m.ln, m.a = ln, ln.acceptors[0]
	if err := ln.Deal(m.deal); err != nil {
		m.t.Fatal(err)
	}
}

// play runs the tape, then waits for what is owed.
func (m *model) play() {
	for more := true; more; {
		on(m.l, func() {
			var v byte
			if v, more = m.tape.next(); more {
				m.step(v)
			}
		})
	}
	on(m.l, m.settle)
	why := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if on(m.l, func() { why = m.owes() }); why == "" {
			break
		}
		on(m.l, m.repay)
	}
	if why != "" {
		m.t.Errorf("never: %s", why)
	}
	on(m.l, func() {
		for _, e := range m.ends {
			// What ends with the Poller is no fault of the peer's.
			e.peerReset = true
		}
		m.ends = slices.Clip(m.ends)
	})
}
