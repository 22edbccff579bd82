package echo

import (
	"encoding/json"
	"net/http"
	"os"
	"runtime"
)

// Stats are the counters of a Server and of its process. Those without a unit
// count since the start, but for Connections, Sockets and Goroutines.
type Stats struct {
	PID        int    `json:"pid"`
	Goroutines int    `json:"goroutines"`
	HeapBytes  uint64 `json:"heap_bytes"`  // of objects that are live or not yet collected
	StackBytes uint64 `json:"stack_bytes"` // of goroutines
	SysBytes   uint64 `json:"sys_bytes"`   // what Go took from the system and has not returned
	GCs        uint32 `json:"gcs"`

	Connections int64  `json:"connections"`
	Sockets     int64  `json:"sockets"`
	Upgraded    uint64 `json:"upgraded"`
	Refused     uint64 `json:"refused"`
	Closed      uint64 `json:"closed"`
	MessagesIn  uint64 `json:"messages_in"`
	BytesIn     uint64 `json:"bytes_in"`
	FramesOut   uint64 `json:"frames_out"`
	BytesOut    uint64 `json:"bytes_out"`
	PingsIn     uint64 `json:"pings_in"`
	Published   uint64 `json:"published"`
	Deliveries  uint64 `json:"deliveries"`
	Dropped     uint64 `json:"dropped"`
	Slow        uint64 `json:"slow"`
	Violations  uint64 `json:"violations"`
	Timeouts    uint64 `json:"timeouts"`
	Panics      uint64 `json:"panics"`
}

// Stats returns a snapshot. It stops the world for some microseconds.
func (s *Server) Stats() Stats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	e := s.engine.Metrics()
	return Stats{
		PID:        os.Getpid(),
		Goroutines: runtime.NumGoroutine(),
		HeapBytes:  m.HeapAlloc,
		StackBytes: m.StackInuse,
		SysBytes:   m.Sys - m.HeapReleased,
		GCs:        m.NumGC,

		Connections: e.Conns,
		Sockets:     e.Sockets,
		Upgraded:    e.Upgraded,
		Refused:     e.Refused,
		Closed:      e.Closed,
		MessagesIn:  e.MessagesIn,
		BytesIn:     e.BytesIn,
		FramesOut:   e.FramesOut,
		BytesOut:    e.BytesOut,
		PingsIn:     e.PingsIn,
		Published:   e.Published,
		Deliveries:  e.Deliveries,
		Dropped:     e.Dropped,
		Slow:        e.Slow,
		Violations:  e.Violations,
		Timeouts:    e.Timeouts,
		Panics:      e.Panics,
	}
}

// StatsHandler answers GET / and GET /stats with Stats as JSON. POST /trim
// collects garbage, returns free memory to the system, and answers with the
// Stats after it, or with 500 and what the system said.
func (s *Server) StatsHandler() http.Handler {
	tell := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(s.Stats()) // an error is the client's, which has gone
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", tell)
	mux.HandleFunc("GET /stats", tell)
	mux.HandleFunc("POST /trim", func(w http.ResponseWriter, r *http.Request) {
		if err := returnMemory(s.locked); err != nil {
			http.Error(w, "the memory could not be returned: "+err.Error(), http.StatusInternalServerError)
			return
		}
		tell(w, r)
	})
	return mux
}
