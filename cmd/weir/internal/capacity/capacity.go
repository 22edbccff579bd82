// Package capacity says how many connections this machine can hold, and which
// limit says so first.
package capacity

import (
	"fmt"
	"math"
)

const (
	// ConnBytes is what an idle connection takes, together: about 1 KiB of the
	// process with its topics, and 4 KiB of the kernel for its socket.
	ConnBytes = 5 << 10
	// ownFiles are descriptors that are no client's: loops, listeners, logs, the
	// admin side.
	ownFiles = 64
	// memoryShare is the part of the memory that connections may fill: what is
	// queued for them, and the collector, need some.
	memoryShare = 0.9
	// pagesPerConn is what TCP takes of a connection with data on its way: a page
	// in each direction. An idle one takes none.
	pagesPerConn = 2
)

// Limit is one thing that bounds connections.
type Limit struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
	// Unit is that of Value; "" counts things.
	Unit string `json:"unit,omitempty"`
	// Conns is how many connections it allows.
	Conns int64 `json:"connections"`
	// Of says which connections those are: all that are open, unless it says
	// otherwise.
	Of string `json:"of"`
	// Fix raises it.
	Fix string `json:"fix"`
}

// Bytes is a Unit.
const Bytes = "bytes"

// What a Limit may be about.
const (
	Open    = "open at a time"
	Busy    = "with data on its way"
	Waiting = "that arrive at once"
	Proxied = "from one proxy address"
)

// Report is all limits that were found.
type Report struct {
	// Conns is how many connections can be open at a time; 0: nothing is known
	// to limit them.
	Conns int64 `json:"connections"`
	// Binds is the limit that says so.
	Binds  string  `json:"binds"`
	Limits []Limit `json:"limits"`
}

// Measure asks the system. It reads some small files.
func Measure() Report { return newReport(limits()) }

// newReport finds the limit that binds first.
func newReport(found []Limit) Report {
	r := Report{Limits: found}
	least := int64(math.MaxInt64)
	for _, l := range found {
		if l.Of == Open && l.Conns < least {
			least = l.Conns
			r.Conns, r.Binds = max(l.Conns, 0), l.Name
		}
	}
	return r
}

// Fix returns what raises the limit that binds.
func (r *Report) Fix() string {
	for _, l := range r.Limits {
		if l.Name == r.Binds {
			return l.Fix
		}
	}
	return ""
}

// files is the limit of the descriptors of a process.
func files(most uint64) Limit {
	return Limit{Name: "nofile", Value: clamp(most), Conns: max(clamp(most)-ownFiles, 0), Of: Open,
		Fix: "ulimit -Hn 1048576, or LimitNOFILE=1048576 in a systemd unit, or --ulimit nofile=1048576 for a container"}
}

// memory is a limit of bytes.
func memory(name string, bytes uint64, fix string) Limit {
	return Limit{Name: name, Value: clamp(bytes), Unit: Bytes, Conns: int64(float64(bytes) * memoryShare / ConnBytes), Of: Open, Fix: fix}
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// sysctl is the fix of a kernel's setting.
func sysctl(name string, value any) string { return fmt.Sprintf("sysctl -w %s=%v", name, value) }
