// Package bench loads WebSocket servers and measures what they cost.
//
// Each scenario is one function with one options struct: [Echo], [Rate],
// [Broadcast], [Idle], [Connect], [Churn] and [Soak]. All of them take a context
// and return a [Result], which writes itself as a table, as JSON or as plots.
// [Hostile] measures nothing: it tries what has killed servers. Any server can be measured, not only this module's: the generator imports
// neither engine nor poller nor codec, so that it does not share the faults of
// what it measures.
//
// Every byte that a server sends back is compared with what it owes. A wrong
// byte, a message too many or a message that never comes ends the run with an
// error: a server cannot be quick by being wrong.
//
// # The generator
//
// On Linux it is one epoll loop on one locked thread, with raw system calls for
// reads, writes and the wait that does not sleep, so that one core of generator
// keeps one core of server busy. Elsewhere, and for wss, it is two goroutines per
// connection over package net: right, but not frugal.
//
// Messages are prepared before the clock starts. There are at least four and at
// most 4096 different ones, each with random content and a random mask of its
// own, and they are sent in turn from shared memory. A server cannot tell that
// from a client that draws a mask per frame: it has to unmask each one. Compressed
// ones are at most 256, and fewer where they are large. RFC 6455
// asks that a client's masks cannot be predicted, which protects proxies from
// scripts in a browser; a load generator has no such script.
//
// # What is measured
//
// Server CPU is that of all threads of the process Target.PID, the ended ones
// too, without its children. It is read in nanoseconds from the process's CPU
// clock: the sum that /proc/PID/stat shows as utime + stime in ticks of 10 ms,
// which are too coarse for short runs. Private memory is Private_Clean plus
// Private_Dirty of /proc/PID/smaps_rollup.
package bench
