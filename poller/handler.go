package poller

// Handler owns a connection. All its methods are called on the connection's loop, never two at once
// for one Conn, and must not block: every other connection of the loop waits for them. In each of
// them, and between them on the loop, all methods of the Conn may be called; after Close or Detach
// no further method of the Handler is called, also when they were called from one.
//
// The order is Open, then any number of turns and Drains, then End. A turn is one or more Data
// calls and one Turned. End is called exactly once, unless the Conn was closed or detached before.
type Handler interface {
	// Open is the first call. It follows the attaching at once or a little later, never within it.
	Open()

	// Room is asked before each read while Conn.ReadInto is on: it returns where to read to, and keeps
	// that memory valid until the next call of Data, Room, Turned or End. Nil or empty: the loop's
	// own buffer. Room must not close, detach or pause the Conn.
	Room() []byte

	// Data brings bytes of the peer in order. b belongs to the loop (or is the first part of what Room
	// has just returned): it may be written to, and is valid until Data returns.
	Data(b []byte)

	// Turned ends a turn: no Data follows before the next readiness of the socket. It is called once
	// after the last of one or more Data calls, before End, and is the place to write the replies.
	Turned()

	// Drain follows a Write that was short: the socket takes bytes again. It may come without need,
	// and it may come before that Write has returned on another goroutine: look at what is waiting
	// only under the lock that serialises the writes.
	Drain()

	// End says that the peer sends nothing more: io.EOF after its FIN, net.ErrClosed when the Poller
	// is closing, or the error of the read. The poller does not close: the owner calls Conn.Close, now
	// or later; until then it may go on writing, and Drain is still called.
	End(err error)
}
