package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is a small table of text.
type Table struct {
	Header []string   // of each column; nil: none
	Rows   [][]string // a row may be shorter than others
	Left   int        // columns aligned to the left, the others are to the right; 1
}

// right reports whether column i is aligned to the right.
func (t *Table) right(i int) bool { return i >= max(t.Left, 1) }

// WriteText writes the table with aligned columns.
func (t *Table) WriteText(w io.Writer) error {
	var b strings.Builder
	widths := t.widths()
	for _, row := range t.all() {
		line := ""
		for i, cell := range row {
			line += pad(cell, widths[i], t.right(i)) + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return write(w, b.String())
}

// WriteMarkdown writes the table as one of GitHub's Markdown, with its columns
// aligned in the source too. It needs a Header.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	widths := t.widths()
	line := func(row []string) {
		for i, width := range widths {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			b.WriteString("| " + pad(cell, width, t.right(i)) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.Header)
	for i, width := range widths {
		dashes := strings.Repeat("-", max(width, 2))
		if t.right(i) {
			b.WriteString("|" + dashes + "-:")
		} else {
			b.WriteString("|" + dashes + "--")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		line(row)
	}
	return write(w, b.String())
}

// all is the header, if there is one, and the rows.
func (t *Table) all() [][]string {
	if t.Header == nil {
		return t.Rows
	}
	return append([][]string{t.Header}, t.Rows...)
}

// widths is the width of each column in characters.
func (t *Table) widths() (widths []int) {
	for _, row := range t.all() {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// pad fills s with spaces.
func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
	if right {
		return space + s
	}
	return s + space
}

// write writes s.
func write(w io.Writer, s string) error {
	if _, err := io.WriteString(w, s); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// FormatCount is n with a comma before each three digits.
func FormatCount(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// FormatDuration is d in the unit that suits it, with three digits.
func FormatDuration(d time.Duration) string {
	switch {
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	default:
		return digits(micros(d)) + " µs"
	}
}

// FormatBytes is n in the unit that suits it, with three digits.
func FormatBytes(n float64) string {
	const step = 1024
	unit := "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n < step && n > -step {
			break
		}
		n, unit = n/step, next
	}
	if unit == "B" {
		return fmt.Sprintf("%.0f B", n)
	}
	return digits(n) + " " + unit
}

// digits is v with three digits, or all of those before the point.
func digits(v float64) string {
	places := 2
	for _, limit := range []float64{10, 100} {
		if v >= limit || v <= -limit {
			places--
		}
	}
	return fmt.Sprintf("%.*f", places, v)
}
