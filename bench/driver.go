package bench

import "net/netip"

// driver moves the bytes of all connections. Everything that it calls, and every
// method but close, happens under one lock or on one goroutine.
type driver interface {
	// dial begins to connect c from the source address; c.connected or c.ended follows.
	dial(c *conn, from netip.Addr) error
	// run moves bytes until step says done. step is called before each wait and
	// returns when it wants to be called again at the latest.
	run(step stepFunc)
	// close gives back what the driver holds; every connection was closed before.
	close()
}

// stepFunc is what a scenario does between two rounds of I/O.
type stepFunc func(now int64) (wake int64, done bool)

// socket is what a connection writes to.
type socket interface {
	// send takes as much of p as it can at once. n < len(p): it is full, and
	// conn.writable follows. p is not changed afterwards by anyone.
	send(p []byte) (n int, err error)
	// shut ends the outgoing direction, behind what was sent.
	shut() error
	// close gives the socket back; after it the connection is told nothing more.
	// abort asks for a reset instead of an orderly end.
	close(abort bool)
}
