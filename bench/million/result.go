package million

import (
	"fmt"
	"strings"
	"time"
)

// Result is what a run found. It belongs to the caller.
type Result struct {
	Way      Way       `json:"way"`
	Kernel   string    `json:"kernel"`             // release of the kernel that held the connections
	Started  time.Time `json:"started"`            // when Run was called
	Seconds  float64   `json:"seconds"`            // from then to the end
	Conns    int       `json:"connections"`        // that were wanted
	Held     int64     `json:"held"`               // that the server counted at the very end
	Budget   int       `json:"budget"`             // bytes of private memory per connection; negative: none
	Locked   bool      `json:"locked"`             // the server ran with --lock-memory
	GOGC     string    `json:"gogc"`               // of the server
	Failures []string  `json:"failures,omitempty"` // what the first of those that failed died of

	RampSeconds float64 `json:"ramp_seconds"`    // spent connecting, readings left out
	RampRate    float64 `json:"ramp_per_second"` // connections, upgrade included

	Upgrades Tally   `json:"upgrades"`
	Echoes   Tally   `json:"echoes"`   // on a sample, one at a time
	Trips    Trips   `json:"trips"`    // of Echoes
	Pings    Tally   `json:"pings"`    // one on each connection
	Sweep    float64 `json:"sweep_s"`  // how long Pings took
	Memory   Memory  `json:"memory"`   // of the server, and of the kernel
	Idle     Idle    `json:"idle"`     // CPU time of the server while nothing happens
	GC       GC      `json:"gc"`       // of the server
	Kept     Kept    `json:"kept"`     // pings of the server, with KeepAlive
	Holder   int64   `json:"holder_b"` // private memory of the clients' process, which no other figure includes
}

// Tally counts what was tried.
type Tally struct {
	Done   int64 `json:"done"`   // and right
	Failed int64 `json:"failed"` // or wrong
}

// Trips is the distribution of round trips.
type Trips struct {
	P50 time.Duration `json:"p50_ns"` // half of them were quicker
	P99 time.Duration `json:"p99_ns"` // 99 of 100 were
	Max time.Duration `json:"max_ns"` // none was slower
}

// Memory is what the connections cost, in bytes. PerConn, PerConnRaw and Heap are
// slopes between half of the connections and all of them.
type Memory struct {
	PerConn    float64   `json:"private_per_connection"`           // of the server, after one return of free memory
	PerConnRaw float64   `json:"private_per_connection_untrimmed"` // the same without the return
	Heap       float64   `json:"heap_per_connection"`              // objects on the server's heap, after a collection
	RSS        int64     `json:"rss"`                              // of the server with all, free memory not returned
	RSSPerConn float64   `json:"rss_per_connection"`               // RSS less that without connections, over all of them
	Kernel     float64   `json:"kernel_per_connection"`            // both ends, from none to all
	Guest      int64     `json:"guest"`                            // all memory in use in the guest with all; 0 on the host
	Readings   []Reading `json:"readings"`                         // in the order of time
}

// Reading is the memory with a number of connections.
type Reading struct {
	Conns   int     `json:"connections"`
	Seconds float64 `json:"seconds"`       // since the server's start
	Private int64   `json:"private_bytes"` // of the server
	RSS     int64   `json:"rss_bytes"`     // of the server
	Heap    int64   `json:"heap_bytes"`    // of the server, garbage included unless Trimmed
	Kernel  int64   `json:"kernel_bytes"`  // both ends, and all else that the kernel holds
	Trimmed bool    `json:"trimmed"`       // free memory has just been returned
}

// Idle is a quiet stretch of the server.
type Idle struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"` // utime + stime
	Percent    float64 `json:"percent"`     // of one CPU

	// Collections of garbage fell into it, and took GCSeconds of CPU time: the runtime
	// collects every two minutes if nothing else makes it.
	Collections int     `json:"collections"`
	GCSeconds   float64 `json:"gc_seconds"`
}

// GC is what garbage collection cost the server, by the lines of GODEBUG=gctrace=1.
type GC struct {
	Count       int           `json:"count"`           // from start to end
	Forced      int           `json:"forced"`          // of Count: by the readings, or by the two minutes of quiet
	Percent     int           `json:"percent"`         // of CPU time since the start
	Paused      time.Duration `json:"paused_ns"`       // with the world stopped, in all
	Longest     time.Duration `json:"longest_ns"`      // of these pauses
	Concurrent  time.Duration `json:"concurrent_ns"`   // the longest marking, while the loops run
	CPU         time.Duration `json:"cpu_ns"`          // in all
	LastCPU     time.Duration `json:"last_cpu_ns"`     // of the collection with all connections there
	LastMark    time.Duration `json:"last_mark_ns"`    // its length
	Stall       time.Duration `json:"stall_ns"`        // the longest echo while it ran
	StallUsual  time.Duration `json:"stall_usual_ns"`  // the longest of as many echoes without one
	StallReturn time.Duration `json:"stall_return_ns"` // the longest echo while free memory was returned after it
}

// Kept is about the server's own pings.
type Kept struct {
	Every    time.Duration `json:"every_ns"` // KeepAlive; 0: there were none
	Answered int64         `json:"answered"` // pings that the holder got and answered
}

// fewConns is where a slope begins to be a measure: code that runs for the first time,
// and the runtime's own tables, come in pieces of 64 KiB, and half of fewConns shares one.
const fewConns = 20_000

// Verdict is nil if all went well: each connection was there to the end, no upgrade,
// echo or ping failed, and a connection cost no more than the budget.
func (r *Result) Verdict() error {
	var wrong []string
	for _, t := range []struct {
		name string
		Tally
	}{{"upgrades", r.Upgrades}, {"echoes", r.Echoes}, {"pings", r.Pings}} {
		if t.Failed > 0 || t.Done == 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s failed and %d were right", t.Failed, t.name, t.Done))
		}
	}
	if r.Pings.Done != int64(r.Conns) {
		wrong = append(wrong, fmt.Sprintf("%d of %d connections answered a ping", r.Pings.Done, r.Conns))
	}
	if r.Held != int64(r.Conns) {
		wrong = append(wrong, fmt.Sprintf("the server held %d of %d connections at the end", r.Held, r.Conns))
	}
	if r.Budget >= 0 && r.Memory.PerConn > float64(r.Budget) {
		hint := ""
		if r.Conns < fewConns {
			hint = fmt.Sprintf(" (of fewer than %d connections single pages make the figure: ask for more)", fewConns)
		}
		wrong = append(wrong, fmt.Sprintf("a connection costs %.1f bytes, and the budget is %d%s", r.Memory.PerConn, r.Budget, hint))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("million: %s", strings.Join(append(wrong, r.Failures...), "; "))
}
