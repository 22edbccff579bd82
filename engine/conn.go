package engine

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/weirws/weir/engine/internal/sendq"
	"github.com/weirws/weir/engine/internal/wheel"
	"github.com/weirws/weir/poller"
	"github.com/weirws/weir/pool"
)

// State is how far a Conn's life is. It only grows.
type State uint8

// The states of a Conn, with the numbers that browsers and ws give them.
const (
	Connecting State = iota // the opening handshake is not answered yet
	Open                    // messages flow
	Closing                 // a closing frame was sent or received
	Closed                  // the socket is closed
)

// String returns the name of s.
func (s State) String() string {
	return [...]string{"connecting", "open", "closing", "closed"}[s&3]
}

// Conn is one WebSocket. All its methods may be called from any goroutine,
// callbacks included, and none but RoundTrip and SendFrom blocks: what they send
// waits in a queue that the connection's event loop writes out.
//
// It is one heap object, and while nothing is on its way it owns no other:
//
//	208 bytes = socket 40 + timer 24 + route, value, id 32 + input, strand 16
//	  + lock, queue, topics, rest 32 + ticks, slot, stops 24 + controls 2
//	  + address 19 + flags 19
type Conn struct {
	// What a delivery looks at comes first, in two cache lines: see touch.

	sock  poller.Conn   // the descriptor; its Close and writes are guarded by mu
	route *route        // handler and settings; constant once the upgrade is judged
	stops atomic.Uint32 // why reading stops: a set of stop bits, shared
	slot  int32         // place in the loop's table of open connections, -1 before and after; owned by the loop

	mu  sync.Mutex   // guards the following, the second set of flags, and writes to sock
	out *sendq.Queue // what waits to be written; nil while nothing does
	id  uint64       // constant

	// Owned by the loop.
	phase phase
	// pinged is true after a keep-alive ping, until bytes arrive.
	pinged bool
	// held is true while the socket is not read because of stops.
	held bool
	// answered is true once the answer to the upgrade is written.
	answered bool
	// closing is true once due is the end of closing.
	closing bool
	// lingering is true once our side of the socket is shut, ended once the
	// peer's is.
	lingering, ended bool

	// Guarded by mu.
	state State
	// corked is true while the loop reads this connection: replies gather.
	corked bool
	// queued is true while the connection is in its loop's list of those that
	// have something to do.
	queued bool
	// blocked is true after a short write, until the socket drains.
	blocked bool
	// full is true after the backlog was half full or refused a message, until
	// Drain.
	full bool
	// fragmented is true while the last data frame sent was not the last of its
	// message.
	fragmented bool
	// broken is true after a write error, killed after CloseNow: the loop closes
	// the socket at its next turn.
	broken, killed bool
	// linger is true if the socket is to be closed, once all is written, when
	// the peer has read it, and its frames don't count any more.
	linger bool
	// watched is true while the connection is in its loop's list of those that
	// hold memory for as long as the peer wants.
	watched bool
	// sent and got are true once a closing frame was queued, and received.
	sent, got bool

	peer     compactAddr // constant
	controls uint16      // what control frames of the peer are charged; owned by the loop

	subs *subscriptions // nil without topics; guarded by mu
	more *more          // what few connections need; guarded by mu

	value any                    // what Upgrade returned; constant once open
	line  pool.Line[*Conn, item] // callbacks that wait for a worker

	// Owned by the loop.
	timer wheel.Node[Conn]
	in    *inbound // what of the input is not complete; nil while there is none
	seen  uint32   // tick of the last bytes received
	said  uint32   // tick of the last message received
	born  uint32   // tick of the upgrade
	due   uint32   // tick at which the upgrade, or closing, has taken too long
}

// phase is what the loop does with the next bytes.
type phase uint8

const (
	phaseHead      phase = iota // they belong to the request's head
	phaseUpgrading              // Upgrade runs; nothing is read
	phaseProxy                  // they belong to a PROXY header
	phaseOpen                   // they are frames
	phaseDone                   // they are thrown away: no frame counts any more
	phaseGone                   // the socket is closed
)

// The bits of stops.
const (
	stopUser   = 1 << iota // Pause
	stopStrand             // too many messages wait for a worker
	stopEnd                // Close or CloseNow was called here: messages are ignored
	stopTold               // the Close callback was called: no other follows
	stopLent               // too many bytes wait for a worker
	stopBudget             // the memory budget is short, and it holds much
	stopIntake             // too much waits for a reader
	stopTaken              // an intake has the messages: no reason to stop
	stopFresh              // Open has not returned, and may have an intake made: likewise

	stopBrim // the memory budget is used up: nobody is read

	// stopReading are those that stop the socket's reading.
	stopReading = stopUser | stopStrand | stopLent | stopBudget | stopIntake | stopBrim
)

// more holds what few connections have.
type more struct {
	end         *CloseError // how it ends, once that is known
	subprotocol string
	local       net.Addr
	remote      net.Addr
	cancel      func()          // ends the context of the request that Upgrade judges
	ctx         context.Context // of Context; nil until it is asked for
	done        context.CancelCauseFunc
	intake      *intake       // has the messages; constant once made
	writer      *Writer       // whose message is being sent
	room        chan struct{} // closed when a Writer may go on; nil while none waits
	trips       []trip        // RoundTrips that wait for their pong
	tls         *secure       // constant once attached
	held        *sendq.Queue  // messages that wait for the end of another; nil without
	windows     *windows
}

// wire is Conn as its socket sees it: the callbacks of poller.Handler, kept
// apart from the methods that embedders see.
type wire Conn

var _ poller.Handler = (*wire)(nil)

// compactAddr is an address and port without the pointers of netip.AddrPort,
// of a size and alignment that leave no holes.
type compactAddr struct {
	ip   [16]byte
	port [2]byte
	kind uint8 // 0 none, 4, 6
}

func compact(a netip.AddrPort) compactAddr {
	ip := a.Addr()
	if !ip.IsValid() {
		return compactAddr{}
	}
	c := compactAddr{ip: ip.As16(), kind: 6}
	binary.BigEndian.PutUint16(c.port[:], a.Port())
	if ip.Is4() || ip.Is4In6() {
		c.kind = 4
	}
	return c
}

func (a compactAddr) addrPort() netip.AddrPort {
	if a.kind == 0 {
		return netip.AddrPort{}
	}
	ip := netip.AddrFrom16(a.ip)
	if a.kind == 4 {
		ip = ip.Unmap()
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(a.port[:]))
}

// ID is unique in the process.
func (c *Conn) ID() uint64 { return c.id }

// Value is what [Handler.Upgrade] returned, or the Value of [DialOptions].
func (c *Conn) Value() any { return c.value }

// Subprotocol is the subprotocol of the opening handshake; "" if none.
func (c *Conn) Subprotocol() string {
	if m := c.extra(); m != nil {
		return m.subprotocol
	}
	return ""
}

// RemoteAddr is the peer's address. It stays what it was after the end.
func (c *Conn) RemoteAddr() net.Addr {
	if m := c.extra(); m != nil && m.remote != nil {
		return m.remote
	}
	if a := c.peer.addrPort(); a.IsValid() {
		return net.TCPAddrFromAddrPort(a)
	}
	return &net.UnixAddr{Net: "unix"}
}

// LocalAddr is the address on this side; nil once the connection is closed.
func (c *Conn) LocalAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == Closed:
		return nil
	case c.more != nil && c.more.local != nil:
		return c.more.local
	}
	return c.sock.LocalAddr()
}

// State is how far the connection's life is.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Backlog is the number of bytes that wait for the socket, framing included:
// ws's bufferedAmount.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0
	}
	return c.out.Bytes()
}

func (c *Conn) extra() *more {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.more
}

// extend returns c.more, made if need be. mu is held.
func (c *Conn) extend() *more {
	if c.more == nil {
		c.more = new(more)
	}
	return c.more
}

// ending returns how c ends, nil while that is not known. mu is held.
func (c *Conn) ending() *CloseError {
	if c.more == nil {
		return nil
	}
	return c.more.end
}

// endAs notes how c ends, unless that is known already. mu is held.
func (c *Conn) endAs(end *CloseError) {
	if m := c.extend(); m.end == nil {
		m.end = end
	}
}

func (c *Conn) loop() *loop { return c.sock.Loop().Value.(*loop) }

func (c *Conn) client() bool { return c.route.codec.Client }
