package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// nameWidth is the width of the first column of WriteTable.
const nameWidth = 18

// lines collects lines of a name and its figures.
type lines struct{ strings.Builder }

func (l *lines) add(name, format string, args ...any) {
	l.WriteString(pad(name, nameWidth, false) + fmt.Sprintf(format, args...) + "\n")
}

// WriteTable writes r for people: a title, lines of a name and its figures, and the
// percentiles.
func (r *Result) WriteTable(w io.Writer) error {
	var l lines
	l.WriteString(r.Scenario + "  " + r.URL + "\n\n")
	for _, s := range r.Settings {
		l.add(s.Name, "%s", s.Value)
	}
	if r.Idle == nil {
		l.add(r.units(), "%s in %.2f s, %s/s", FormatCount(r.Count), r.Seconds, FormatCount(int64(r.PerSecond)))
	}
	switch payload := FormatBytes(r.PerSecond * float64(r.Payload)); {
	case r.Payload == 0:
	case r.Unit == "message":
		l.add("payload", "%s/s each way", payload)
	case r.Unit == "delivery":
		l.add("payload", "%s/s delivered", payload)
	}
	r.addUsage(&l)
	r.addMemory(&l)
	r.addEndings(&l)
	if err := r.addLatencies(&l); err != nil {
		return err
	}
	return write(w, l.String())
}

// addUsage adds the lines of both processes.
func (r *Result) addUsage(l *lines) {
	if u := r.Server; u != nil {
		l.add("server CPU", "%s µs per %s, %.0f %% of a core", digits(u.CPUMicros), r.Unit, 100*u.Cores)
		l.add("server memory", "%s private", FormatBytes(float64(u.PrivateBytes)))
	}
	if u := r.Generator; u != nil {
		l.add("generator CPU", "%s µs per %s, %.0f %% of a core", digits(u.CPUMicros), r.Unit, 100*u.Cores)
	}
}

// addMemory adds the lines of Idle.
func (r *Result) addMemory(l *lines) {
	m := r.Idle
	if m == nil {
		return
	}
	for _, at := range m.Readings {
		line := FormatBytes(float64(at.Raw))
		if m.Trimmed {
			line += ", after a trim " + FormatBytes(float64(at.Trimmed))
		}
		l.add(fmt.Sprintf("with %d", at.Conns), "%s private", line)
	}
	if m.Trimmed {
		l.add("per connection", "%.0f B after a trim, %.0f B without", m.PerConn, m.PerConnRaw)
		return
	}
	l.add("per connection", "%.0f B", m.PerConn)
}

// addEndings adds the lines of Churn and Soak.
func (r *Result) addEndings(l *lines) {
	e := r.Endings
	if e == nil {
		return
	}
	l.add("ended", "%s clean, %s FIN, %s RST, %s failed",
		FormatCount(e.Clean), FormatCount(e.FIN), FormatCount(e.RST), FormatCount(e.Failed))
	for _, f := range e.Failures {
		l.add("", "%s", f)
	}
	if r.Before != nil && r.After != nil {
		l.add("server held", "%s and %d descriptors before, %s and %d after",
			FormatBytes(float64(r.Before.PrivateBytes)), r.Before.Descriptors,
			FormatBytes(float64(r.After.PrivateBytes)), r.After.Descriptors)
	}
	if r.Scenario == "soak" && r.Server != nil {
		l.add("memory growth", "%s per hour", FormatBytes(r.GrowthBytes))
	}
}

// addLatencies adds the percentiles as a table of their own.
func (r *Result) addLatencies(l *lines) error {
	t := Table{Header: []string{pad("", nameWidth-2, false), "p50", "p90", "p99", "p99.9", "p99.99", "max"}}
	for _, row := range []struct {
		name string
		of   *Latency
	}{{"latency", r.Latency}, {"generator's lag", r.Lag}} {
		if row.of == nil {
			continue
		}
		cells := []string{row.name}
		for _, d := range []time.Duration{row.of.P50, row.of.P90, row.of.P99, row.of.P999, row.of.P9999, row.of.Max} {
			cells = append(cells, FormatDuration(d))
		}
		t.Rows = append(t.Rows, cells)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	l.WriteString("\n")
	return t.WriteText(l)
}
