// Package enginetest connects programs that use engine in memory, for their
// tests: there is no port to find, and no descriptor to run out of.
//
// [Pair] is for a test of handlers: it returns both ends of one connection.
// [Listen] is for a test of a whole server: Serve it, and dial it as often as
// wanted.
//
// What runs is the real engine, over [net.Pipe] instead of a socket: the same
// handshake, limits and callbacks. Bytes in flight are few, so a peer that does
// not read is felt at once.
package enginetest
