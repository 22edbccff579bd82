package bench

import (
	"fmt"
	"time"
)

// sliceCount is into how many samples a window is cut.
const sliceCount = 30

// minSlice is the shortest sample.
const minSlice = int64(100 * time.Millisecond)

// meter measures a window of a run: units, latencies, and the CPU of both sides.
type meter struct {
	g       *generator
	unit    string
	count   int64 // units so far, inside the window or not
	latency recorder
	on      bool  // the window is open
	target  int64 // units that end the window; 0: time does

	first            reading // when the window was opened
	last             reading // at the end of the last sample
	end              reading // when the window was closed
	samples          []Sample
	slice, nextSlice int64
	private          int64
	started          time.Time
	detail           *recorder // latencies of the slice; nil: samples have no memory and no latency
}

// reading is one look at all counters.
type reading struct {
	at     int64
	count  int64
	server time.Duration
	own    time.Duration
}

func newMeter(g *generator, unit string) *meter {
	return &meter{g: g, unit: unit, latency: newRecorder(), started: time.Now()}
}

// read looks at all counters.
func (m *meter) read() (r reading, err error) {
	if m.g.process != nil {
		r.server, err = m.g.process.cpu()
	}
	r.at, r.count, r.own = m.g.clock.now(), m.count, ownCPU()
	return r, err
}

// open begins the window; length is how long it is meant to be, 0 if that is unknown.
func (m *meter) open(length time.Duration) (err error) {
	if m.first, err = m.read(); err != nil {
		return err
	}
	m.on, m.last = true, m.first
	if m.slice == 0 {
		m.slice = max(int64(length)/sliceCount, minSlice)
	}
	m.nextSlice = m.first.at + m.slice
	return nil
}

// sample ends a slice when it is time to.
func (m *meter) sample(now int64) error {
	if now < m.nextSlice {
		return nil
	}
	r, err := m.read()
	if err != nil {
		return err
	}
	m.nextSlice = r.at + m.slice
	return m.add(r)
}

// observe records a latency if the window is open.
func (m *meter) observe(nanos int64) {
	if m.on {
		m.record(nanos)
	}
}

// record records a latency.
func (m *meter) record(nanos int64) {
	m.latency.record(nanos)
	if m.detail != nil {
		m.detail.record(nanos)
	}
}

// add makes the slice between the last reading and r a sample.
func (m *meter) add(r reading) (err error) {
	s := Sample{Seconds: seconds(r.at - m.first.at)}
	if n := r.count - m.last.count; n > 0 {
		s.PerSecond = float64(n) / seconds(r.at-m.last.at)
		s.CPUMicros = micros(r.server-m.last.server) / float64(n)
	}
	if m.detail != nil {
		s.P99 = m.detail.percentile(99)
		m.detail.h.Reset()
		var held *Holdings
		if held, err = m.g.holdings(); held != nil {
			s.PrivateBytes, s.Descriptors = held.PrivateBytes, held.Descriptors
		}
	}
	m.samples, m.last = append(m.samples, s), r
	return err
}

// run lasts for a warm-up and a window, calling step between rounds of I/O, until
// the time is over or m.target is reached. step returns when it wants to be called next.
func (m *meter) run(l *Load, step func(now int64) (wake int64)) error {
	start := m.g.clock.now()
	opens, ends := start+int64(l.Warmup), start+int64(l.Warmup)+int64(l.Duration)
	var fault error
	err := m.g.run(func(now int64) (int64, bool) {
		wake := step(now)
		if m.on {
			fault = m.sample(now)
			m.g.progress(m.measuring(now, l), m.note, now)
		} else if now >= opens {
			fault = m.open(l.Duration)
			ends = m.first.at + int64(l.Duration) // a window that opened late is as long as any
		} else {
			m.g.progress(Progress{Phase: "warming up", Done: seconds(now - start), Total: l.Warmup.Seconds()}, nil, now)
			wake = min(wake, opens)
		}
		return min(wake, ends), now >= ends || fault != nil || m.on && m.target > 0 && m.counted() >= m.target
	})
	if err == nil {
		err = fault
	}
	if !m.on {
		return err
	}
	if end := m.close(); err == nil { // what ended the run comes first: a process that is gone cannot be read either
		err = end
	}
	return err
}

// idleStep is for a window in which only replies cause anything.
func idleStep(now int64) (wake int64) { return now + lookEvery }

// measuring is the progress inside the window.
func (m *meter) measuring(now int64, l *Load) Progress {
	if m.target > 0 {
		return Progress{Phase: "measuring", Done: float64(m.counted()), Total: float64(m.target)}
	}
	return Progress{Phase: "measuring", Done: seconds(now - m.first.at), Total: l.Duration.Seconds()}
}

// counted is the number of units in the window so far.
func (m *meter) counted() int64 { return m.count - m.first.count }

// close ends the window.
func (m *meter) close() (err error) {
	m.on = false
	if m.end, err = m.read(); err != nil {
		return err
	}
	if m.g.process != nil {
		m.private, err = m.g.process.private()
	}
	return err
}

// note is the figure that goes with the progress.
func (m *meter) note(now int64) string {
	if !m.on || now <= m.first.at {
		return ""
	}
	return fmt.Sprintf("%.0f %s/s", float64(m.counted())/seconds(now-m.first.at), m.unit)
}

// partial is the result of a window that its context ended; nil: it was never
// opened, or something else ended it.
func (m *meter) partial(scenario string, settings []Setting) *Result {
	if m.end.at == 0 || m.g.ctx.Err() == nil {
		return nil
	}
	return m.result(scenario, settings)
}

// result makes a Result of the window, for a scenario to add to.
func (m *meter) result(scenario string, settings []Setting) *Result {
	r := &Result{
		Scenario: scenario,
		URL:      m.g.URL,
		Settings: settings,
		Started:  m.started,
		Seconds:  seconds(m.end.at - m.first.at),
		Unit:     m.unit,
		Count:    m.end.count - m.first.count,
		Latency:  m.latency.latency(),
		Samples:  m.samples,
	}
	if r.Seconds > 0 {
		r.PerSecond = float64(r.Count) / r.Seconds
	}
	if m.g.frames != nil {
		r.Payload = m.g.frames.size
	}
	if m.g.process != nil {
		r.Server = usage(m.end.server-m.first.server, r)
		r.Server.PrivateBytes = m.private
	}
	if m.end.own > 0 {
		r.Generator = usage(m.end.own-m.first.own, r)
	}
	return r
}

// usage relates CPU time to the window of r.
func usage(cpu time.Duration, r *Result) *Usage {
	u := &Usage{CPUSeconds: cpu.Seconds()}
	if r.Count > 0 {
		u.CPUMicros = micros(cpu) / float64(r.Count)
	}
	if r.Seconds > 0 {
		u.Cores = u.CPUSeconds / r.Seconds
	}
	return u
}

// seconds is nanoseconds in seconds.
func seconds(nanos int64) float64 { return time.Duration(nanos).Seconds() }

// micros is a duration in microseconds, with its fraction.
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
