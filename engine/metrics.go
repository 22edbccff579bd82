package engine

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// counts are a loop's counters. They are mostly written by the loop, and read
// by Metrics.
type counts struct {
	upgraded, closed      atomic.Uint64
	refused               atomic.Uint64
	messagesIn, bytesIn   atomic.Uint64
	framesOut, bytesOut   atomic.Uint64
	pingsIn               atomic.Uint64
	drops                 [dropReasons]atomic.Uint64
	slow, shed            atomic.Uint64
	violations, timeouts  atomic.Uint64
	shakesFailed          atomic.Uint64
	published, deliveries atomic.Uint64
	lag, fanOut           span
	_                     [64]byte // the next loop's are on another cache line
}

// Metrics are counters since the start, and gauges of the moment. They are
// summed over the loops when they are asked for, so that counting costs
// nothing; two of them need not be of the same instant.
type Metrics struct {
	// LoopMetrics are summed over the loops. Conns includes upgrades that are
	// sure to succeed.
	LoopMetrics
	// Sockets is the number of open sockets: those included whose upgrade is
	// not answered or whose end is not complete.
	Sockets int64
	// Upgrading is the number of Upgrade callbacks that run or wait.
	Upgrading int64
	// Panics counts callbacks that panicked.
	Panics uint64
	// Hung counts callbacks that took longer than [Options.SlowCallback], and Hanging
	// is how many of those have not returned.
	Hung    uint64
	Hanging int64
	// TurnedAway counts sockets that were closed unread, and handshakes that were
	// answered with 429, because of [Options.MaxConnsPerIP], MaxHandshakes or
	// MaxHandshakesPerSecond.
	TurnedAway uint64
}

// LoopMetrics are what one event loop counts.
type LoopMetrics struct {
	// Conns is the number of open connections.
	Conns int64
	// Upgraded, Refused and Closed count opening handshakes that succeeded and
	// that were refused, and connections that ended.
	Upgraded, Refused, Closed uint64
	// MessagesIn and BytesIn count received messages and their payload.
	MessagesIn, BytesIn uint64
	// FramesOut and BytesOut count what was written: frames of any kind, and
	// bytes with framing and handshakes.
	FramesOut, BytesOut uint64
	// PingsIn counts pings of peers.
	PingsIn uint64
	// Published counts calls of Publish times the loops they reached,
	// Deliveries the messages that Publish wrote or put into a backlog.
	Published, Deliveries uint64
	// Dropped counts messages of ours that were not sent, which Drops has by
	// reason, and Slow the connections that were closed for not keeping up.
	Dropped, Slow uint64
	Drops         Drops
	// Shed counts connections that were closed for MemoryBudget.
	Shed uint64
	// Violations counts connections closed for what their peer sent, Timeouts
	// those that a deadline closed.
	Violations, Timeouts uint64
	// TLSFailures counts TLS handshakes that failed.
	TLSFailures uint64

	// Memory is what is charged to MemoryBudget.
	Memory int64
	// Blocked is the number of connections whose socket takes nothing now,
	// BacklogBytes and BacklogFrames what waits for them.
	Blocked, BacklogBytes, BacklogFrames int64

	// Lag is how late the loop is: the time from each tick of the engine's
	// clock to the turn that it asked for.
	Lag Span
	// Behind is how far the loop's clock is behind the engine's, in steps of
	// 100 ms: one that serves no turn does not move. Over several loops it is
	// the worst.
	Behind time.Duration
	// FanOut is the time from each call of Publish until it was written to the
	// last socket that takes it, for each loop that it reached.
	FanOut Span
}

// Drops count messages by the reason for which they were dropped.
type Drops struct {
	// Newest were refused by a full backlog, Oldest thrown out of one.
	Newest, Oldest uint64
	// Conflated were replaced by a newer message of their key.
	Conflated uint64
	// Expired waited for longer than MaxAge or MaxBacklogAge.
	Expired uint64
	// Cleared waited for a connection that was closed for memory.
	Cleared uint64
	// Crowded were published to subscribers of a loop that had too many
	// publications to make, Short when MemoryBudget had no room for them.
	Crowded, Short uint64
}

// Total is the sum over all reasons.
func (d Drops) Total() uint64 {
	return d.Newest + d.Oldest + d.Conflated + d.Expired + d.Cleared + d.Crowded + d.Short
}

func (d *Drops) add(n *[dropReasons]atomic.Uint64) {
	d.Newest += n[dropNewest].Load()
	d.Oldest += n[dropOldest].Load()
	d.Conflated += n[dropConflated].Load()
	d.Expired += n[dropExpired].Load()
	d.Cleared += n[dropCleared].Load()
	d.Crowded += n[dropCrowded].Load()
	d.Short += n[dropShort].Load()
}

// Span says how long something took that happened Count times: Total in all,
// and Max at most.
type Span struct {
	Count      uint64
	Total, Max time.Duration
	// Buckets count by duration: Buckets[i] those below [SpanBound] of i, and
	// not below that of the one before. The last has the rest.
	Buckets [SpanBuckets]uint64
}

// SpanBuckets is the number of Buckets of a [Span].
const SpanBuckets = 54

// SpanBound is the upper bound of a bucket: from 1.5 µs up, two for each power
// of two, to 137 s.
func SpanBound(bucket int) time.Duration {
	return time.Duration(3+bucket&1) << (9 + bucket/2)
}

// spanBucket is the bucket that d falls into.
func spanBucket(d time.Duration) int {
	d = max(d, 1<<10)
	octave := bits.Len64(uint64(d)) - 1
	return min(2*(octave-10)+int(d>>(octave-1)&1), SpanBuckets-1)
}

// Mean is Total over Count, 0 if it never happened.
func (s Span) Mean() time.Duration {
	if s.Count == 0 {
		return 0
	}
	return s.Total / time.Duration(s.Count)
}

// span is a Span that one goroutine adds to.
type span struct {
	n          atomic.Uint64
	total, max atomic.Int64
	buckets    [SpanBuckets]atomic.Uint64
}

func (s *span) add(d time.Duration) {
	s.n.Add(1)
	s.buckets[spanBucket(d)].Add(1)
	s.total.Add(int64(d))
	if int64(d) > s.max.Load() {
		s.max.Store(int64(d))
	}
}

func (s *Span) add(o *span) {
	s.Count += o.n.Load()
	s.Total += time.Duration(o.total.Load())
	s.Max = max(s.Max, time.Duration(o.max.Load()))
	for i := range o.buckets {
		s.Buckets[i] += o.buckets[i].Load()
	}
}

func (co *core) metrics() Metrics {
	m := Metrics{Sockets: co.sockets.Load(), Upgrading: co.upgrading.Load(), Panics: co.panics.Load(), Hung: co.hung.Load(), Hanging: co.hanging.Load(), TurnedAway: co.arrivals.turnedAway()}
	co.eachLoop(func(l *loop) { l.addTo(&m.LoopMetrics) })
	m.Conns = co.conns.Load()
	return m
}

func (co *core) loopMetrics() []LoopMetrics {
	all := make([]LoopMetrics, len(co.loops))
	for i, l := range co.loops {
		l.addTo(&all[i])
	}
	return all
}

// addTo adds what l counts to m.
func (l *loop) addTo(m *LoopMetrics) {
	n := &l.count
	m.Upgraded += n.upgraded.Load()
	m.Refused += n.refused.Load()
	m.Closed += n.closed.Load()
	m.MessagesIn += n.messagesIn.Load()
	m.BytesIn += n.bytesIn.Load()
	m.FramesOut += n.framesOut.Load()
	m.BytesOut += n.bytesOut.Load()
	m.PingsIn += n.pingsIn.Load()
	m.Published += n.published.Load()
	m.Deliveries += n.deliveries.Load()
	m.Drops.add(&n.drops)
	m.Dropped = m.Drops.Total()
	m.Slow += n.slow.Load()
	m.Shed += n.shed.Load()
	m.Memory += l.ledger.bytes()
	m.Violations += n.violations.Load()
	m.TLSFailures += n.shakesFailed.Load()
	m.Timeouts += n.timeouts.Load()
	m.Lag.add(&n.lag)
	m.Behind = max(m.Behind, l.behind())
	m.FanOut.add(&n.fanOut)
	l.addBacklogs(m)
}

// addBacklogs adds what waits for sockets that take nothing.
func (l *loop) addBacklogs(m *LoopMetrics) {
	l.mu.Lock()
	m.Conns += int64(len(l.open))
	watched := slices.Clone(l.watched)
	l.mu.Unlock()
	for _, c := range watched {
		c.mu.Lock()
		if c.blocked && c.out != nil && c.state != Closed {
			m.Blocked++
			m.BacklogBytes += int64(c.out.Bytes())
			m.BacklogFrames += int64(c.out.Len())
		}
		c.mu.Unlock()
	}
}
