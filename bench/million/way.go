package million

import (
	"fmt"
	"runtime"

	"github.com/weirws/weir/bench"
)

// Way is how a run gets as many descriptors as it needs.
type Way string

// The ways.
const (
	Host Way = "host" // the limits of this machine allow them
	UML  Way = "uml"  // a guest kernel of its own, User Mode Linux
)

// What a run needs, rounded up from measurements.
const (
	connBytes   = 8_700      // memory per connection: two sockets in the kernel, one object in the server
	spareBytes  = 1536 << 20 // memory that stays free
	spareFiles  = 1_000      // descriptors of a process that are no connections
	roundConns  = 1_000      // a number of connections that was not asked for is a multiple of it
	guestBytes  = 9_500      // memory of a guest per connection, its page tables and slack included
	guestBase   = 448 << 20  // memory of a guest without connections
	mapsPerConn = 4          // a guest's connections per mapping that the host needs, if memory is not locked
)

// machine is what a choice depends on. A limit that does not exist is unlimited.
type machine struct {
	linux, amd64 bool
	tiles        bool // the processor has AMX: see noGuest

	memory      uint64 // bytes that are available
	room        uint64 // bytes in the directory for a guest's memory
	descriptors uint64 // of a process, the hard limit
	files       uint64 // open on the machine, that are still free
	watches     uint64 // of epoll, of one user
	tracked     uint64 // connections that a firewall may follow, that are still free
	mappings    uint64 // of a process: vm.max_map_count
}

// unlimited is the value of a limit that is none.
const unlimited = ^uint64(0)

// limit is a bound on the number of connections and what to say when it binds.
type limit struct {
	conns uint64
	why   string
}

// hostLimits are the bounds of the way Host.
func (m *machine) hostLimits() []limit {
	return []limit{
		m.memoryLimit(),
		{less(m.descriptors, spareFiles), fmt.Sprintf("a process may have %s descriptors (ulimit -Hn)", count(m.descriptors))},
		{less(m.files, spareFiles) / 2, fmt.Sprintf("the machine may open %s more files (fs.file-max)", count(m.files))},
		{m.watches, fmt.Sprintf("epoll may watch %s descriptors (fs.epoll.max_user_watches)", count(m.watches))},
		{less(m.tracked, spareFiles), fmt.Sprintf("the firewall may follow %s more connections (nf_conntrack_max)", count(m.tracked))},
	}
}

// noGuest is why User Mode Linux does not run here, "" if it may. Kernel 6.1, which
// Debian 12 has, moves a process's registers in a room that is too small for AMX's, and
// ends with its first process; who has one that does better asks for it with Way.
func (m *machine) noGuest() string {
	switch {
	case !m.amd64:
		return "is for amd64 only"
	case m.tiles:
		return "does not run on a processor with AMX, whose registers are too large for it"
	}
	return ""
}

// guestLimits are the bounds of the way UML.
func (m *machine) guestLimits() []limit {
	return []limit{
		m.memoryLimit(),
		{less(m.room, guestBase) / guestBytes, fmt.Sprintf("the largest directory for a guest's memory has room for %s (/dev/shm, or TMPDIR)", size(m.room))},
	}
}

func (m *machine) memoryLimit() limit {
	return limit{less(m.memory, spareBytes) / connBytes, fmt.Sprintf("%s of memory are available, and %s of it are left alone", size(m.memory), size(spareBytes))}
}

// lowest is the limit that binds first.
func lowest(limits []limit) limit {
	low := limits[0]
	for _, l := range limits[1:] {
		if l.conns < low.conns {
			low = l
		}
	}
	return low
}

// choose picks the way and the number of connections: conns, or as many as there can
// be up to DefaultConns if it is 0. want restricts the way unless it is empty.
func choose(m *machine, want Way, conns int) (Way, int, error) {
	if !m.linux {
		return "", 0, fmt.Errorf("million: this is %s, and the run needs Linux", runtime.GOOS)
	}
	wanted := uint64(conns)
	if conns == 0 {
		wanted = min(DefaultConns, m.memoryLimit().conns)
		wanted -= wanted % roundConns
	}
	host, guest := lowest(m.hostLimits()), lowest(m.guestLimits())
	switch {
	case wanted < 2:
		return "", 0, fmt.Errorf("million: there is no memory for connections: %s", m.memoryLimit().why)
	case want != UML && wanted <= host.conns:
		return Host, int(wanted), nil
	case want == Host:
		return "", 0, fmt.Errorf("million: %s connections don't fit here: %s; ask for %s at most", count(wanted), host.why, count(host.conns))
	case !m.amd64, want != UML && m.noGuest() != "":
		return "", 0, fmt.Errorf("million: %s connections don't fit here: %s. Raise it, or ask for %s; User Mode Linux, which has no such limit, %s",
			count(wanted), host.why, count(host.conns), m.noGuest())
	case wanted <= guest.conns:
		return UML, int(wanted), nil
	case conns == 0 && guest.conns >= roundConns:
		return UML, int(guest.conns - guest.conns%roundConns), nil
	}
	return "", 0, fmt.Errorf("million: %s connections don't fit here: %s. They take %s; ask for %s at most",
		count(wanted), guest.why, size(wanted*connBytes), count(max(host.conns, guest.conns)))
}

// locks says whether a guest's server must lock its memory. Under User Mode Linux
// each page of a process is a mapping of its own on the host unless its neighbours in
// memory are its neighbours in the process too; locked memory is filled in long runs.
func (m *machine) locks(conns int) bool { return uint64(conns)/mapsPerConn > m.mappings }

// less is a-b, or 0 if that is negative; what is unlimited stays so.
func less(a, b uint64) uint64 {
	if a == unlimited {
		return a
	}
	return a - min(a, b)
}

// count is a number for people.
func count(n uint64) string {
	if n == unlimited {
		return "any number of"
	}
	return bench.FormatCount(int64(n))
}

// size is a number of bytes for people.
func size(n uint64) string { return bench.FormatBytes(float64(n)) }
