// Package million holds very many WebSocket connections to one process of weir
// echo, and says what they cost it.
//
// [Run] picks the way. Where the limits of this machine allow a process as many
// descriptors as there are to be connections, server and holder run here. Where
// they don't, both run under User Mode Linux: a stock Linux kernel that is an
// ordinary process, with real TCP and file tables of its own. It needs no root, no
// hypervisor and no change of a limit; it is fetched from Debian if it is not here.
// There is no third way: if neither works, the error says what is missing.
//
// # What is checked
//
// Every upgrade is verified by its Sec-WebSocket-Accept, a sample of connections
// echoes text that is compared, and each connection answers a ping that carries its
// own number. A run is good if nothing failed and the server's private memory stays
// within the budget: see [Result.Verdict].
//
// # What is measured
//
// Private memory is Private_Clean plus Private_Dirty of /proc/PID/smaps_rollup. Per
// connection it is the slope between half of the connections and all of them, after
// one return of free memory to the system at each; the slope without that return
// stands beside it. The kernel's share is the growth of Slab, VmallocUsed, PageTables
// and KernelStack of /proc/meminfo from none to all: it counts both ends of each
// connection, and on a machine that does other work at the time, that work too.
//
// Under User Mode Linux memory and the number of connections are what they are
// anywhere. Latencies, rates and CPU are not: each system call of the guest is a
// hand-over between processes of the host, and there is one CPU.
package million
