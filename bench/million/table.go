package million

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/weirws/weir/bench"
)

// WriteTable writes r for people.
func (r *Result) WriteTable(w io.Writer) error {
	t := bench.Table{}
	add := func(name, format string, args ...any) {
		// The second column would be aligned to the right, like numbers.
		t.Rows = append(t.Rows, []string{name + "  " + fmt.Sprintf(format, args...)})
	}
	for _, line := range r.lines() {
		add(fmt.Sprintf("%-*s", nameWidth, line[0]), "%s", line[1])
	}
	return t.WriteText(w)
}

// nameWidth is the width of the first column of WriteTable.
const nameWidth = 22

// WriteMarkdown writes r as a table of Markdown.
func (r *Result) WriteMarkdown(w io.Writer) error {
	t := bench.Table{Header: []string{"", bench.FormatCount(int64(r.Conns)) + " connections"}}
	for _, line := range r.lines()[1:] {
		t.Rows = append(t.Rows, line[:])
	}
	return t.WriteMarkdown(w)
}

// lines are the rows of a table: names and what there is to say.
func (r *Result) lines() [][2]string {
	m := &r.Memory
	rows := [][2]string{
		{"connections", fmt.Sprintf("%s held at the end of %s wanted", bench.FormatCount(r.Held), bench.FormatCount(int64(r.Conns)))},
		{"way", r.wayLine()},
		{"ramp", fmt.Sprintf("%.1f s, %s connections/s%s", r.RampSeconds, bench.FormatCount(int64(r.RampRate)), failed(r.Upgrades))},
		{"private memory", fmt.Sprintf("%.1f B per connection after one return of free memory, %.1f B without it (GOGC=%s)%s", m.PerConn, m.PerConnRaw, r.GOGC, r.budgetLine())},
		{"heap", fmt.Sprintf("%.1f B per connection", m.Heap)},
		{"server RSS", fmt.Sprintf("%s, %.1f B per connection", bench.FormatBytes(float64(m.RSS)), m.RSSPerConn)},
		{"kernel memory", fmt.Sprintf("%s B per connection, both ends", bench.FormatCount(int64(m.Kernel)))},
	}
	if m.Guest > 0 {
		rows = append(rows, [2]string{"memory of the guest", bench.FormatBytes(float64(m.Guest)) + " in use: server, clients and kernel"})
	}
	rows = append(rows,
		[2]string{"echo round trip", fmt.Sprintf("%s connections, one at a time: p50 %s, p99 %s, max %s%s", bench.FormatCount(r.Echoes.Done),
			trip(r.Trips.P50), trip(r.Trips.P99), trip(r.Trips.Max), failed(r.Echoes))},
		[2]string{"pings answered", fmt.Sprintf("%s of %s in %.1f s%s", bench.FormatCount(r.Pings.Done), bench.FormatCount(int64(r.Conns)), r.Sweep, failed(r.Pings))},
		[2]string{"idle CPU", fmt.Sprintf("%.2f %% of a CPU over %.0f s (%.2f s, %.2f s of it in %d collections)%s", r.Idle.Percent, r.Idle.Seconds, r.Idle.CPUSeconds,
			r.Idle.GCSeconds, r.Idle.Collections, r.keptLine())},
		[2]string{"collections", fmt.Sprintf("%d, %d of them forced; %s stopped in all, %s at most; %d %% of the server's CPU", r.GC.Count, r.GC.Forced,
			trip(r.GC.Paused), trip(r.GC.Longest), r.GC.Percent)},
		[2]string{"collection with all", fmt.Sprintf("%s of marking, %s of CPU; the longest echo meanwhile %s, without one %s", trip(r.GC.LastMark), trip(r.GC.LastCPU),
			trip(r.GC.Stall), trip(r.GC.StallUsual))},
		[2]string{"took", fmt.Sprintf("%.1f s", r.Seconds)},
	)
	return rows
}

// wayLine says where the connections were.
func (r *Result) wayLine() string {
	if r.Way == UML {
		return "User Mode Linux " + r.Kernel + ", one CPU: latency, rate and CPU are no measure of speed"
	}
	return "this machine, Linux " + r.Kernel
}

// budgetLine says what was allowed.
func (r *Result) budgetLine() string {
	if r.Budget < 0 {
		return ""
	}
	return fmt.Sprintf("; the budget is %d", r.Budget)
}

// keptLine says what the server did while it was idle.
func (r *Result) keptLine() string {
	if r.Kept.Every == 0 {
		return ", KeepAlive off"
	}
	return fmt.Sprintf(", KeepAlive %s: %s pings answered so far", r.Kept.Every, bench.FormatCount(r.Kept.Answered))
}

// failed tells of failures, if there were any.
func failed(t Tally) string {
	if t.Failed == 0 {
		return ""
	}
	return fmt.Sprintf(", %s FAILED", bench.FormatCount(t.Failed))
}

// trip is a duration for people.
func trip(d time.Duration) string { return bench.FormatDuration(d) }

// WriteJSON writes r as one indented JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("million: %w", err)
	}
	return nil
}

// WriteSVG draws the server's private memory over the connections, as it is and after
// a return of free memory, beside the budget.
func (r *Result) WriteSVG(w io.Writer) error {
	const mib = 1 << 20
	raw, trimmed := bench.LineValue{Name: "as it is"}, bench.LineValue{Name: "after a return"}
	for _, at := range r.Memory.Readings {
		to := &raw
		if at.Trimmed {
			to = &trimmed
		}
		to.Points = append(to.Points, [2]float64{float64(at.Conns), float64(at.Private) / mib})
	}
	c := bench.LineChart{Title: "private memory, MiB", Bottom: "idle connections in one process", Series: []bench.LineValue{raw, trimmed}}
	if r.Budget > 0 && len(trimmed.Points) > 0 {
		base, last := trimmed.Points[0], trimmed.Points[len(trimmed.Points)-1]
		c.Series = append(c.Series, bench.LineValue{
			Name:   fmt.Sprintf("%d B each", r.Budget),
			Points: [][2]float64{base, {last[0], base[1] + (last[0]-base[0])*float64(r.Budget)/mib}},
		})
	}
	return c.WriteSVG(w)
}
