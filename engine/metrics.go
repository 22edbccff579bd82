package engine

import "sync/atomic"

// counts are a loop's counters. They are mostly written by the loop, and read
// by Metrics.
type counts struct {
	upgraded, closed      atomic.Uint64
	refused               atomic.Uint64
	messagesIn, bytesIn   atomic.Uint64
	framesOut, bytesOut   atomic.Uint64
	pingsIn               atomic.Uint64
	drops, slow           atomic.Uint64
	violations, timeouts  atomic.Uint64
	published, deliveries atomic.Uint64
	_                     [64]byte // the next loop's are on another cache line
}

// Metrics are counters since the start, and gauges of the moment. They are
// summed over the loops when they are asked for, so that counting costs
// nothing; two of them need not be of the same instant.
type Metrics struct {
	// Conns is the number of open connections, Sockets that of sockets: those
	// included whose upgrade is not answered or whose end is not complete.
	Conns, Sockets int64
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
	// Deliveries the messages that Publish put into a backlog.
	Published, Deliveries uint64
	// Dropped counts messages that a full backlog refused or threw out, Slow
	// the connections that it closed.
	Dropped, Slow uint64
	// Violations counts connections closed for what their peer sent, Timeouts
	// those that a deadline closed, Panics the callbacks that panicked.
	Violations, Timeouts, Panics uint64
}

func (co *core) metrics() Metrics {
	m := Metrics{Conns: co.conns.Load(), Sockets: co.sockets.Load(), Panics: co.panics.Load()}
	co.eachLoop(func(l *loop) {
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
		m.Dropped += n.drops.Load()
		m.Slow += n.slow.Load()
		m.Violations += n.violations.Load()
		m.Timeouts += n.timeouts.Load()
	})
	return m
}
