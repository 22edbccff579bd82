package bench

import "io"

// BarChart compares one figure of several servers: horizontal bars, each with its
// range, for a README in light and in dark mode.
type BarChart struct {
	Title string     // and the unit, since the bars bear figures only
	Bars  []BarValue // from top to bottom
}

// BarValue is one bar.
type BarValue struct {
	Name     string
	Value    float64
	Min, Max float64 // the range over the rounds; both 0: none
	Ours     bool    // it is set off from the others
}

// Sizes of a BarChart.
const (
	barLeft   = 110.0 // where bars begin
	barSpace  = 400.0 // of the longest
	barRight  = 70.0  // for its figure
	barTop    = 30.0
	barPitch  = 22.0
	barHeight = 14.0
)

// WriteSVG writes the chart.
func (c *BarChart) WriteSVG(w io.Writer) error {
	top := 0.0
	for _, b := range c.Bars {
		top = max(top, b.Value, b.Max)
	}
	if top == 0 {
		top = 1
	}
	s := newSVG(barLeft+barSpace+barRight, barTop+barPitch*float64(len(c.Bars))+4, c.Title)
	scale := barSpace / top
	for i, b := range c.Bars {
		y := barTop + barPitch*float64(i)
		middle := y + barHeight/2
		class := "bar"
		if b.Ours {
			class = "bar ours"
		}
		s.text(barLeft-8, middle+4, "end", "value", b.Name)
		s.rect(barLeft, y, max(b.Value*scale, 1), barHeight, class)
		if b.Max > b.Min {
			s.line(barLeft+b.Min*scale, middle, barLeft+b.Max*scale, middle, "span")
			s.line(barLeft+b.Min*scale, middle-3, barLeft+b.Min*scale, middle+3, "span")
			s.line(barLeft+b.Max*scale, middle-3, barLeft+b.Max*scale, middle+3, "span")
		}
		s.text(barLeft+max(b.Value, b.Max)*scale+6, middle+4, "start", "value", digits(b.Value))
	}
	return write(w, s.end())
}
