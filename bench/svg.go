package bench

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// svgStyle dresses a plot for a light page and for a dark one: the page's colour
// shines through, and text and lines follow the reader's scheme.
const svgStyle = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#57606a}
.title{font-size:14px;font-weight:600;fill:#24292f}
.value{fill:#24292f}
.grid{stroke:#d0d7de;stroke-width:1}
.bar{fill:#afb8c1}
.bar.ours{fill:#0969da}
.span{stroke:#57606a;stroke-width:1.5}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}
@media (prefers-color-scheme:dark){
text{fill:#8b949e}
.title,.value{fill:#e6edf3}
.grid{stroke:#30363d}
.bar{fill:#484f58}
.bar.ours{fill:#4493f8}
.span{stroke:#8b949e}
.c0{stroke:#4493f8}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#a371f7}
}
</style>
`

// svg builds one plot.
type svg struct {
	b strings.Builder
}

// newSVG begins a plot with its title, which is also what a screen reader says.
func newSVG(width, height float64, title string) *svg {
	s := &svg{}
	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n",
		width, height, width, height, html.EscapeString(title))
	s.b.WriteString(svgStyle)
	s.text(0, 16, "start", "title", title)
	return s
}

// text writes one line of text; anchor is start, middle or end.
func (s *svg) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(&s.b, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(text))
}

// line draws a straight line.
func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

// rect draws a bar.
func (s *svg) rect(x, y, width, height float64, class string) {
	fmt.Fprintf(&s.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" class="%s"/>`+"\n", x, y, width, height, class)
}

// polyline draws a line through points.
func (s *svg) polyline(points [][2]float64, class string) {
	var b strings.Builder
	for _, p := range points {
		fmt.Fprintf(&b, "%.1f,%.1f ", p[0], p[1])
	}
	fmt.Fprintf(&s.b, `<polyline points="%s" class="%s"/>`+"\n", strings.TrimRight(b.String(), " "), class)
}

// end returns the plot.
func (s *svg) end() string { return s.b.String() + "</svg>\n" }

// niceTicks are about n round values from 0 to at least top.
func niceTicks(top float64, n int) (ticks []float64) {
	if top <= 0 {
		top = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(top/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if top/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	for i := 0; ; i++ {
		ticks = append(ticks, float64(i)*step)
		if ticks[i] >= top {
			return ticks
		}
	}
}
