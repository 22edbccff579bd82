package monitor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"github.com/weirws/weir/cmd/weir/internal/operator"
)

// The styles, by the numbers of ECMA-48; bubbletea leaves them out where the
// terminal has none, or NO_COLOR is set.
const (
	bold    = "\x1b[1m"
	dim     = "\x1b[2m"
	reverse = "\x1b[7m"
	red     = "\x1b[31m"
	plain   = "\x1b[0m"
)

// View is bubbletea's.
func (m *model) View() tea.View {
	lines := append(m.head(), "")
	footer := m.footer()
	rows := m.rows(max(m.height-len(lines)-2, 1))
	lines = append(lines, rows...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines[:max(min(len(lines), m.height-1), 0)], footer)
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

// head are the counters.
func (m *model) head() []string {
	s := m.stats
	if s == nil {
		why := "asking " + m.at + " ..."
		if m.lost != nil {
			why = red + m.lost.Error() + plain
		}
		return []string{bold + "weir top" + plain + "  " + why}
	}
	title := fmt.Sprintf("%sweir top%s  %s  %s  %s", bold, plain, m.at, s.Version, s.At.Local().Format("15:04:05"))
	if m.lost != nil {
		title = fmt.Sprintf("%sweir top%s  %s  %s%s; trying again%s", bold, plain, m.at, red, m.lost, plain)
	}
	lines := []string{
		cut(title, m.width+len(bold)+len(red)+2*len(plain)),
		fmt.Sprintf("connections %s%d%s  +%.1f/s -%.1f/s   subscriptions %d   topics %d", bold, s.Connections, plain, s.Rates.Opened, s.Rates.Closed, s.Subscriptions, s.Topics),
		fmt.Sprintf("messages    in %.0f/s  out %.0f/s   published %.0f/s   dropped %.0f/s", s.Rates.MessagesIn, s.Rates.MessagesOut, s.Rates.Published, s.Rates.Dropped),
		fmt.Sprintf("fan-out     p50 %.2f ms  p99 %.2f ms  p99.9 %.2f ms   slow %d   pending %s", s.FanOut.P50, s.FanOut.P99, s.FanOut.P999, s.SlowConns, bytesOf(s.PendingBytes)),
		fmt.Sprintf("memory      %s%s   in %s/s  out %s/s", bytesOf(s.RSS), perConn(s), bytesOf(int64(s.Rates.BytesIn)), bytesOf(int64(s.Rates.BytesOut))),
		m.loops(),
	}
	if s.Drain.Active {
		lines = append(lines, fmt.Sprintf("%sdraining%s    %d of %d left", red, plain, s.Drain.Left, s.Drain.Total))
	}
	return lines
}

// perConn is what of the memory there is for a connection: among few it is what
// the program takes itself.
func perConn(s *operator.Stats) string {
	const many = 100
	if s.Connections < many {
		return ""
	}
	return fmt.Sprintf("   %s a connection", bytesOf(s.PerConn))
}

// loops are the event loops and how late each is: a bar is a millisecond or less.
func (m *model) loops() string {
	const levels = "▁▂▃▄▅▆▇█"
	bars := []rune(levels)
	worst := 0.0
	var b strings.Builder
	for i, l := range m.stats.Loops {
		worst = max(worst, l.LagMS)
		if i < m.width-40 {
			b.WriteRune(bars[min(int(max(l.LagMS, 0)), len(bars)-1)])
		}
	}
	return fmt.Sprintf("loops       %s  at most %.1f ms late", b.String(), worst)
}

// rows are the list, with its header, of at most n lines.
func (m *model) rows(n int) []string {
	var cells [][]string
	if m.byTopic {
		cells = append(cells, []string{"TOPIC", "SUBSCRIBERS", "PUBLISHED", "RATE", "DROPPED"})
		for _, t := range m.topics[:min(len(m.topics), n)] {
			cells = append(cells, []string{harmless(t.Name, max(m.width-48, 16)), strconv.FormatInt(t.Subscribers, 10), strconv.FormatUint(t.Published, 10), fmt.Sprintf("%.1f/s", t.rate), strconv.FormatUint(t.Dropped, 10)})
		}
	} else {
		cells = append(cells, []string{"ID", "USER", "ADDRESS", "AGE", "PENDING", "IN", "OUT"})
		for _, c := range m.conns[:min(len(m.conns), n)] {
			cells = append(cells, connCells(c))
		}
	}
	lines := align(cells)
	for i := range lines {
		lines[i] = cut(lines[i], m.width)
	}
	lines[0] = reverse + pad(lines[0], m.width) + plain
	if m.listError != nil {
		lines = append(lines[:1], red+cut(m.listError.Error(), m.width)+plain)
	}
	return lines
}

func connCells(c operator.Conn) []string {
	return []string{
		strconv.FormatUint(c.ID, 10), harmless(c.User, 20), c.IP, time.Since(c.ConnectedAt).Truncate(time.Second).String(),
		bytesOf(c.PendingBytes), strconv.FormatUint(c.MessagesIn, 10), strconv.FormatUint(c.MessagesOut, 10),
	}
}

// footer says which keys there are; that of the order in use is marked.
func (m *model) footer() string {
	words := []string{"q quit", "t topics", "c connections"}
	sorts := []string{}
	for _, o := range orders {
		if !m.sorts(o) {
			continue
		}
		word := o.key + " " + o.name
		if o.key == m.order.key {
			word = "[" + word + "]"
		}
		sorts = append(sorts, word)
	}
	return dim + cut(strings.Join(words, "  ")+"   sort: "+strings.Join(sorts, " "), m.width) + plain
}

// align makes lines of cells, in columns.
func align(cells [][]string) []string {
	var widths []int
	for _, row := range cells {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	lines := make([]string, len(cells))
	for i, row := range cells {
		var b strings.Builder
		for j, c := range row {
			if j > 0 {
				b.WriteString("  ")
			}
			b.WriteString(pad(c, widths[j]))
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-len([]rune(s)), 0))
}

func cut(s string, width int) string {
	r := []rune(s)
	return string(r[:max(min(len(r), width), 0)])
}

// harmless is a text that a client chose, at most n characters of it, without
// what would steer the terminal.
func harmless(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// bytesOf is a number of bytes with one digit behind the point at most.
func bytesOf(n int64) string {
	x, unit := float64(n), 0
	for x >= 1024 && unit < 4 {
		x, unit = x/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") + " " + []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}
