// Package metrics shows what weir serve counts to Prometheus.
package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/stats"
	"github.com/weirws/weir/engine"
)

// Source is what the metrics are made of.
type Source struct {
	Take       func() stats.Raw
	Handshakes *hub.Timing
	Accept     *hub.Timing // publications, from the call to the id
	FanOut     *hub.Timing // publications, until all were queued for
	Draining   func() int64
	ReloadOK   func() bool
	Version    string
}

// Handler answers scrapes.
func Handler(s Source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(s), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r})
}

// collector reads the counters when it is asked for them.
type collector struct {
	Source
	connections, opened, closed, handshake   *prometheus.Desc
	turnedAway                               *prometheus.Desc
	subscriptions, channels                  *prometheus.Desc
	messagesIn, messagesOut                  *prometheus.Desc
	bytesIn, bytesOut                        *prometheus.Desc
	publish, busy, lastWrite                 *prometheus.Desc
	pending, held, slow                      *prometheus.Desc
	panics, hung, hanging                    *prometheus.Desc
	loop, workers, draining, reload, perConn *prometheus.Desc
	broker, build                            *prometheus.Desc
}

// proto is the label of the protocol that connections speak.
const proto = "plain"

func newCollector(s Source) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("weir_"+name, help, labels, nil)
	}
	return &collector{
		Source:        s,
		connections:   desc("connections", "Open connections.", "proto"),
		opened:        desc("connections_opened_total", "Upgrades, by what became of them.", "proto", "result"),
		closed:        desc("connections_closed_total", "Connections that ended, by the code of the closing frame and the reason.", "proto", "code", "reason"),
		turnedAway:    desc("turned_away_total", "Sockets closed unread, and upgrades answered with 429: too many of one address, or handshakes."),
		handshake:     desc("handshake_seconds", "From the whole request of an upgrade to the open connection."),
		subscriptions: desc("subscriptions", "Subscriptions that there are."),
		channels:      desc("channels", "Topics that somebody subscribes to."),
		messagesIn:    desc("messages_in_total", "Messages received from clients."),
		messagesOut:   desc("messages_out_total", "Frames written to clients."),
		bytesIn:       desc("bytes_in_total", "Payload received from clients."),
		bytesOut:      desc("bytes_out_total", "Bytes written to clients, with framing."),
		publish:       desc("publish_seconds", "How long publications took: accept until they had an id, fanout until they were queued for all subscribers.", "stage"),
		busy:          desc("publish_busy_total", "Publications that were refused because more was published than could be delivered."),
		lastWrite:     desc("fanout_last_write_seconds", "From a publication until it was written to the last socket that takes it, for each event loop that it reached."),
		pending:       desc("pending_bytes", "Bytes that wait for sockets that take nothing."),
		held:          desc("held_bytes", "Bytes held for all clients, which limits.pending_budget bounds."),
		slow:          desc("slow_total", "Messages dropped, or clients closed, because clients did not keep up, by policy.", "policy"),
		panics:        desc("callback_panics_total", "Callbacks that panicked."),
		hung:          desc("callbacks_hung_total", "Callbacks that took longer than 10 s."),
		hanging:       desc("callbacks_hanging", "Callbacks of those that have not returned."),
		loop:          desc("reactor_loop_seconds", "How late the turns of an event loop are.", "loop"),
		workers:       desc("worker_queue", "Upgrades that are judged or wait for it."),
		draining:      desc("drain_remaining", "Connections that are still to be closed by a drain."),
		reload:        desc("config_reload_success", "1 if the last reload of the configuration was applied, or there was none."),
		perConn:       desc("rss_bytes_per_connection", "Resident memory of the process for each connection."),
		broker:        desc("broker_up", "1 if publications are passed on: always, for it is this process that does."),
		build:         desc("build_info", "1; the label says which version this is.", "version"),
	}
}

// Describe tells the metrics' names.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.connections, c.opened, c.closed, c.turnedAway, c.handshake, c.subscriptions, c.channels, c.messagesIn, c.messagesOut,
		c.bytesIn, c.bytesOut, c.publish, c.busy, c.lastWrite, c.pending, c.held, c.slow, c.panics, c.hung, c.hanging, c.loop, c.workers,
		c.draining, c.reload, c.perConn, c.broker, c.build,
	} {
		out <- d
	}
}

// Collect reads the counters.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	r := c.Take()
	e := &r.Engine
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	timing := func(d *prometheus.Desc, t *hub.Timing, labels ...string) {
		below, n, sum := t.Snapshot()
		out <- prometheus.MustNewConstHistogram(d, n, sum, below, labels...)
	}
	gauge(c.connections, float64(r.Plain.Open), proto)
	for result, n := range r.Plain.Opened {
		count(c.opened, n, proto, result)
	}
	for end, n := range r.Plain.Closed {
		count(c.closed, n, proto, stats.Code(end.Code), end.Reason)
	}
	count(c.turnedAway, e.TurnedAway)
	timing(c.handshake, c.Handshakes)
	gauge(c.subscriptions, float64(r.Hub.Subscriptions))
	gauge(c.channels, float64(r.Topics))
	count(c.messagesIn, e.MessagesIn)
	count(c.messagesOut, e.FramesOut)
	count(c.bytesIn, e.BytesIn)
	count(c.bytesOut, e.BytesOut)
	timing(c.publish, c.Accept, "accept")
	timing(c.publish, c.FanOut, "fanout")
	count(c.busy, r.Hub.Busy)
	below, n := spanBelow(&e.FanOut)
	out <- prometheus.MustNewConstHistogram(c.lastWrite, n, e.FanOut.Total.Seconds(), below)
	gauge(c.pending, float64(e.BacklogBytes))
	gauge(c.held, float64(e.Memory))
	for policy, n := range r.Slow() {
		count(c.slow, n, policy)
	}
	count(c.panics, e.Panics)
	count(c.hung, e.Hung)
	gauge(c.hanging, float64(e.Hanging))
	for i := range r.Loops {
		below, n := spanBelow(&r.Loops[i].Lag)
		out <- prometheus.MustNewConstHistogram(c.loop, n, r.Loops[i].Lag.Total.Seconds(), below, strconv.Itoa(i))
	}
	gauge(c.workers, float64(e.Upgrading))
	gauge(c.draining, float64(c.Draining()))
	ok := 0.0
	if c.ReloadOK() {
		ok = 1
	}
	gauge(c.reload, ok)
	gauge(c.perConn, float64(r.PerConn()))
	gauge(c.broker, 1)
	gauge(c.build, 1, c.Version)
}

// spanBelow is a Span as a histogram has it: every second of its bounds, which
// are powers of two, up to half a minute.
func spanBelow(s *engine.Span) (below map[float64]uint64, n uint64) {
	below = map[float64]uint64{}
	for i, in := range s.Buckets {
		n += in
		if i%4 == 3 && i < 50 {
			below[engine.SpanBound(i).Seconds()] = n
		}
	}
	return below, n
}
