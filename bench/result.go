package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Result is what a scenario measured. Fields that a scenario does not measure are
// nil or zero. A Result belongs to the caller.
type Result struct {
	Scenario    string    `json:"scenario"`                        // "echo", "rate", ...
	URL         string    `json:"url"`                             // of the target
	Settings    []Setting `json:"settings"`                        // what the options came to, in order
	Started     time.Time `json:"started"`                         // when the scenario was called
	Seconds     float64   `json:"seconds"`                         // length of the window in which all below was measured
	Unit        string    `json:"unit"`                            // what Count counts: "message", "delivery", "handshake", "connection"
	Count       int64     `json:"count"`                           // units inside the window, each verified
	PerSecond   float64   `json:"per_second"`                      // units
	Payload     int       `json:"payload_bytes,omitempty"`         // of each message
	Latency     *Latency  `json:"latency,omitempty"`               // closed loop: from send to receipt; open loop: from the time at which it should have been sent
	Lag         *Latency  `json:"lag,omitempty"`                   // open loop: how late the generator was; it is part of Latency
	Server      *Usage    `json:"server,omitempty"`                // of Target.PID
	Generator   *Usage    `json:"generator,omitempty"`             // of this process; nil where it is not known
	Idle        *Memory   `json:"idle,omitempty"`                  // of Idle
	Endings     *Endings  `json:"endings,omitempty"`               // of Churn and Soak
	Before      *Holdings `json:"before,omitempty"`                // of Target.PID, before the first connection: Churn and Soak
	After       *Holdings `json:"after,omitempty"`                 // of Target.PID, after the last connection: Churn and Soak
	Samples     []Sample  `json:"samples,omitempty"`               // the window in slices
	GrowthBytes float64   `json:"growth_bytes_per_hour,omitempty"` // Soak: the slope of private memory over the last three quarters of the samples
}

// Setting is one line of what was asked for.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Usage is what a process spent in the window.
type Usage struct {
	CPUMicros    float64 `json:"cpu_us_per_unit"`         // per unit
	CPUSeconds   float64 `json:"cpu_seconds"`             // over the window
	Cores        float64 `json:"cores"`                   // CPUSeconds per second
	PrivateBytes int64   `json:"private_bytes,omitempty"` // at the end of the window; the server's only
}

// Sample is a slice of the window.
type Sample struct {
	Seconds      float64       `json:"seconds"`                   // from the start of the window to the end of the slice
	PerSecond    float64       `json:"per_second"`                // units
	CPUMicros    float64       `json:"cpu_us_per_unit,omitempty"` // of the server
	P99          time.Duration `json:"p99_ns,omitempty"`          // of the slice: Soak
	PrivateBytes int64         `json:"private_bytes,omitempty"`   // of the server: Soak
	Descriptors  int           `json:"descriptors,omitempty"`     // of the server: Soak
}

// Memory is what idle connections cost the server, in bytes of private memory.
type Memory struct {
	Readings   []Reading `json:"readings"`                       // with no connection, with half of them, with all
	PerConn    float64   `json:"bytes_per_connection"`           // the slope between half and all, after a trim if there was one
	PerConnRaw float64   `json:"bytes_per_connection_untrimmed"` // the same from what was read before each trim
	Trimmed    bool      `json:"trimmed"`                        // free memory was given back before each reading
}

// Reading is the server's private memory with a number of connections.
type Reading struct {
	Conns   int   `json:"connections"`
	Raw     int64 `json:"raw_bytes"`     // before the trim
	Trimmed int64 `json:"trimmed_bytes"` // after it; Raw when there is none
}

// Endings is how connections came to their end, by what the generator did.
type Endings struct {
	Clean    int64    `json:"clean"`    // closing handshakes, complete on both sides
	FIN      int64    `json:"fin"`      // half-closed without a close frame, and the server followed
	RST      int64    `json:"rst"`      // reset
	Failed   int64    `json:"failed"`   // all others
	Failures []string `json:"failures"` // what the first of them died of
}

// Holdings is what the server's process holds.
type Holdings struct {
	PrivateBytes int64 `json:"private_bytes"`
	Descriptors  int   `json:"descriptors"`
}

// units is the plural of Unit.
func (r *Result) units() string {
	if r.Unit == "delivery" {
		return "deliveries"
	}
	return r.Unit + "s"
}

// WriteJSON writes r as one indented JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}
