// Package stats is what weir serve counts, taken together: for metrics, for the
// dashboard, and for weir top.
package stats

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/memory"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/engine"
)

// Raw are all counters at one moment.
type Raw struct {
	At     time.Time
	Engine engine.Metrics
	Loops  []engine.LoopMetrics
	Hub    hub.Counts
	Topics int
	Plain  plain.Counts
	Memory memory.State
	RSS    int64 // 0 where it is not known
}

// Slow are the messages that were dropped, and the clients that were closed, by
// the policy that did it.
func (r *Raw) Slow() map[string]uint64 {
	d := r.Engine.Drops
	return map[string]uint64{
		"drop_old":   d.Oldest,
		"drop_new":   d.Newest,
		"conflate":   d.Conflated,
		"expired":    d.Expired,
		"crowded":    d.Crowded + d.Short,
		"cleared":    d.Cleared,
		"disconnect": r.Engine.Slow + r.Engine.Shed,
	}
}

// PerConn is how much of the process's memory there is for each connection; 0
// where it is not known.
func (r *Raw) PerConn() int64 {
	if r.Engine.Conns == 0 {
		return 0
	}
	return r.RSS / r.Engine.Conns
}

// Loop is what one event loop does.
type Loop struct {
	Conns    int64   `json:"conns"`
	LagMS    float64 `json:"lag_ms"` // how late its turns were, on average of the last interval
	BehindMS float64 `json:"behind_ms"`
}

// Rates are changes a second.
type Rates struct {
	Opened      float64 `json:"opened"`
	Closed      float64 `json:"closed"`
	MessagesIn  float64 `json:"messages_in"`
	MessagesOut float64 `json:"messages_out"`
	BytesIn     float64 `json:"bytes_in"`
	BytesOut    float64 `json:"bytes_out"`
	Published   float64 `json:"published"`
	Dropped     float64 `json:"dropped"`
}

// FanOut is how long it took from a publication to the last socket, in
// milliseconds, over the last interval.
type FanOut struct {
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
}

// Snapshot is what is shown: totals, and how they changed.
type Snapshot struct {
	At            time.Time         `json:"at"`
	Connections   int64             `json:"connections"`
	Subscriptions int64             `json:"subscriptions"`
	Topics        int               `json:"topics"`
	Opened        map[string]uint64 `json:"opened"`
	Closed        map[string]uint64 `json:"closed"` // by reason
	MessagesIn    uint64            `json:"messages_in"`
	MessagesOut   uint64            `json:"messages_out"`
	BytesIn       uint64            `json:"bytes_in"`
	BytesOut      uint64            `json:"bytes_out"`
	Published     uint64            `json:"published"`
	Delivered     uint64            `json:"delivered"`
	Busy          uint64            `json:"busy"` // publications that were answered with 429
	Slow          map[string]uint64 `json:"slow"`
	SlowConns     int64             `json:"slow_conns"` // whose socket takes nothing now
	PendingBytes  int64             `json:"pending_bytes"`
	HeldBytes     int64             `json:"held_bytes"` // of the pending budget
	BudgetBytes   int64             `json:"budget_bytes"`
	RSS           int64             `json:"rss_bytes"`
	PerConn       int64             `json:"rss_bytes_per_connection"`
	MemoryUsed    int64             `json:"memory_used_bytes"`
	MemoryLimit   int64             `json:"memory_limit_bytes"`
	Rates         Rates             `json:"rates"`
	FanOut        FanOut            `json:"fanout"`
	Loops         []Loop            `json:"loops"`
}

// Sampler makes Snapshots of what it takes. It may be used from any goroutine.
type Sampler struct {
	take   func() Raw
	budget int64

	mu   sync.Mutex // guards the following
	last Raw
	now  *Snapshot
}

// NewSampler returns a Sampler; budget is the pending budget in bytes.
func NewSampler(budget int64, take func() Raw) *Sampler {
	s := &Sampler{take: take, budget: budget}
	s.last = take()
	s.now = s.between(&s.last, &s.last)
	return s
}

// Sample takes the counters, for Snapshot: it is called once a second.
func (s *Sampler) Sample() {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.take()
	s.now = s.between(&s.last, &raw)
	s.last = raw
}

// Snapshot returns the last one. It is not to be changed.
func (s *Sampler) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// between says what r has, and what has changed since before.
func (s *Sampler) between(before, r *Raw) *Snapshot {
	e, seconds := &r.Engine, max(r.At.Sub(before.At).Seconds(), 1e-3)
	rate := func(was, is uint64) float64 { return math.Round(float64(is-was)/seconds*10) / 10 }
	shown := &Snapshot{
		At: r.At, Connections: e.Conns, Subscriptions: r.Hub.Subscriptions, Topics: r.Topics,
		Opened: r.Plain.Opened, Closed: map[string]uint64{},
		MessagesIn: e.MessagesIn, MessagesOut: e.FramesOut, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
		Published: r.Hub.Published, Delivered: r.Hub.Delivered, Busy: r.Hub.Busy,
		Slow: r.Slow(), SlowConns: e.Blocked, PendingBytes: e.BacklogBytes,
		HeldBytes: e.Memory, BudgetBytes: s.budget,
		RSS: r.RSS, PerConn: r.PerConn(), MemoryUsed: r.Memory.Used, MemoryLimit: r.Memory.Limit,
		Rates: Rates{
			Opened:      rate(before.Engine.Upgraded, e.Upgraded),
			Closed:      rate(before.Engine.Closed, e.Closed),
			MessagesIn:  rate(before.Engine.MessagesIn, e.MessagesIn),
			MessagesOut: rate(before.Engine.FramesOut, e.FramesOut),
			BytesIn:     rate(before.Engine.BytesIn, e.BytesIn),
			BytesOut:    rate(before.Engine.BytesOut, e.BytesOut),
			Published:   rate(before.Hub.Published, r.Hub.Published),
			Dropped:     rate(before.Engine.Dropped, e.Dropped),
		},
		FanOut: FanOut{
			P50:  quantile(&before.Engine.FanOut, &e.FanOut, 0.5),
			P99:  quantile(&before.Engine.FanOut, &e.FanOut, 0.99),
			P999: quantile(&before.Engine.FanOut, &e.FanOut, 0.999),
		},
	}
	for end, n := range r.Plain.Closed {
		shown.Closed[end.Reason] += n
	}
	for i := range r.Loops {
		l := &r.Loops[i]
		shown.Loops = append(shown.Loops, Loop{Conns: l.Conns, LagMS: lag(before.Loops, l, i), BehindMS: milliseconds(l.Behind)})
	}
	return shown
}

// lag is how late the turns of a loop were since before.
func lag(before []engine.LoopMetrics, l *engine.LoopMetrics, i int) float64 {
	if i >= len(before) || l.Lag.Count == before[i].Lag.Count {
		return 0
	}
	was := before[i].Lag
	return milliseconds((l.Lag.Total - was.Total) / time.Duration(l.Lag.Count-was.Count))
}

// quantile is that of what happened between two Spans, in milliseconds: the
// upper bound of its bucket; 0 if nothing did.
func quantile(before, after *engine.Span, q float64) float64 {
	n := after.Count - before.Count
	if n == 0 {
		return 0
	}
	rank, seen := uint64(math.Ceil(q*float64(n))), uint64(0)
	for i := range after.Buckets {
		if seen += after.Buckets[i] - before.Buckets[i]; seen >= rank {
			return milliseconds(engine.SpanBound(i))
		}
	}
	return milliseconds(after.Max)
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// Code is how the code of an end is written.
func Code(c engine.StatusCode) string {
	if c == 0 {
		return "other"
	}
	return strconv.Itoa(int(c))
}
