package million

import "time"

// plan is what is to be measured, in a guest or here.
type plan struct {
	Way       Way           `json:"way"`
	Conns     int           `json:"connections"`
	Idle      time.Duration `json:"idle"`
	Settle    time.Duration `json:"settle"`
	KeepAlive time.Duration `json:"keepalive"`
	Lock      bool          `json:"lock"`   // start the server with --lock-memory
	Server    []string      `json:"server"` // its command line
	GOGC      string        `json:"gogc"`   // of the server
}

// Parts of a measurement.
const (
	readings    = 20    // of memory on the way to all connections
	echoSample  = 1_000 // connections that echo
	echoBytes   = 32    // of each
	calm        = 10    // times Settle is the quiet before CPU time is watched: deadlines of the upgrades pass
	tellEvery   = 500 * time.Millisecond
	usualEchoes = 200 // echoes that a stall is compared with
)
