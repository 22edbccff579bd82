// Package poller moves bytes between many sockets and their handlers on a few event loops.
//
// Most programs import engine only. This package knows nothing of what the bytes mean, owns no
// timers but those of a listener that has run out of descriptors, and keeps no byte for a
// connection that is idle.
//
// There are two back ends behind one Conn. A connection with a descriptor is served by a reactor
// (epoll or kqueue, registered once, edge-triggered); any other net.Conn is a stream: a goroutine
// reads it and hands every read to the loop. On a system without a reactor everything is a stream.
// What a Handler sees is the same, and package pollertest holds both to it.
package poller
