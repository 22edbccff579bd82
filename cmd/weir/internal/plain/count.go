package plain

import (
	"errors"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/engine"
)

// Ended says how connections end: by which code, and why.
type Ended struct {
	Code   engine.StatusCode // 0: a code of the peer's own
	Reason string
}

// Counts are what the protocol counts since its start.
type Counts struct {
	Open   int64             // clients now
	Opened map[string]uint64 // upgrades by result: "ok" and the refusals
	Closed map[Ended]uint64
}

// counts is Counts while it is counted.
type counts struct {
	open      atomic.Int64
	handshake hub.Timing

	mu      sync.Mutex // guards the following
	results map[string]uint64
	ends    map[Ended]uint64
}

// begin has those be 0 that there are sooner or later: the rate of a series that
// begins at 1 misses that.
func (n *counts) begin() {
	n.results, n.ends = map[string]uint64{}, map[Ended]uint64{}
	for _, result := range []string{"ok", "bad_request", "unauthorized", "forbidden", "origin", "full", "too_fast", "draining", "unavailable"} {
		n.results[result] = 0
	}
	for _, end := range []Ended{{engine.StatusNormalClosure, "client"}, {engine.StatusAbnormalClosure, "client"}, {engine.StatusGoingAway, "client"}, {engine.StatusTryAgainLater, "slow"}} {
		n.ends[end] = 0
	}
}

func (n *counts) opened(took time.Duration) {
	n.open.Add(1)
	n.handshake.Add(took)
	n.result("ok")
}

func (n *counts) refused(result string) { n.result(result) }

func (n *counts) result(result string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.results[result]++
}

func (n *counts) closed(end *engine.CloseError) {
	n.open.Add(-1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends[endedBy(end)]++
}

// endedBy is what an end is counted as: few things, whatever peers send.
func endedBy(end *engine.CloseError) Ended {
	e := Ended{end.Code, "server"}
	switch {
	case errors.Is(end.Err, engine.ErrTimeout):
		e.Reason = "timeout"
	case errors.Is(end.Err, engine.ErrMemory):
		e.Reason = "memory"
	case errors.Is(end.Err, engine.ErrBacklogFull):
		e.Reason = "slow"
	case errors.Is(end.Err, engine.ErrPanic):
		e.Reason = "panic"
	case errors.Is(end.Err, engine.ErrServerClosed), end.Code == engine.StatusServiceRestart && !end.Peer:
		e.Reason = "drain"
	case end.Code == closeExpired && !end.Peer:
		e.Reason = "expired"
	case end.Peer || errors.Is(end.Err, io.ErrUnexpectedEOF):
		e.Reason = "client"
		if end.Code >= 3000 {
			e.Code = 0
		}
	case end.Code == engine.StatusPolicyViolation && end.Reason == kicked:
		e.Reason = "kicked"
	case end.Code == engine.StatusPolicyViolation:
		e.Reason = "policy"
	case end.Err != nil:
		e.Reason = "violation"
	}
	return e
}

// Open is the number of clients.
func (p *Protocol) Open() int64 { return p.counts.open.Load() }

// Handshakes says how long upgrades took, from the whole request to the answer.
func (p *Protocol) Handshakes() *hub.Timing { return &p.counts.handshake }

// Counts returns a copy.
func (p *Protocol) Counts() Counts {
	p.counts.mu.Lock()
	defer p.counts.mu.Unlock()
	return Counts{p.counts.open.Load(), maps.Clone(p.counts.results), maps.Clone(p.counts.ends)}
}

// kicked is the reason of those that an operator ends.
const kicked = "closed by an operator"

// Kick ends a client for an operator.
func Kick(c *engine.Conn) error { return c.Close(engine.StatusPolicyViolation, kicked) }
