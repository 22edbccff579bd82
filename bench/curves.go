package bench

import (
	"fmt"
	"io"
	"math"
	"time"
)

// LineChart shows figures over time or over percentiles, for a README in light and
// in dark mode.
type LineChart struct {
	Title  string      // and the unit of the y axis
	Bottom string      // what the x axis is
	Series []LineValue // at most four can be told apart
	LogX   bool        // X is in percent and the axis in nines: 90, 99, 99.9
	LogY   bool        // Y is in nanoseconds and the axis in powers of ten, from a microsecond on
}

// LineValue is one line.
type LineValue struct {
	Name   string // shown when there is more than one
	Points [][2]float64
}

// Sizes of a LineChart.
const (
	lineLeft   = 62.0
	lineTop    = 34.0
	lineWidth  = 500.0
	lineHeight = 180.0
	lineRight  = 18.0
	lineBottom = 42.0
	lineTicks  = 4
)

// axis maps values to a range of pixels.
type axis struct {
	low, high float64 // after of
	from, to  float64 // pixels
	of        func(float64) float64
	ticks     []tick
}

// tick is a value with its label.
type tick struct {
	at    float64
	label string
}

// pixel is where v lies.
func (a *axis) pixel(v float64) float64 {
	part := (a.of(v) - a.low) / max(a.high-a.low, 1e-9)
	return a.from + part*(a.to-a.from)
}

// WriteSVG writes the chart.
func (c *LineChart) WriteSVG(w io.Writer) error {
	s := newSVG(lineLeft+lineWidth+lineRight, lineTop+lineHeight+lineBottom, c.Title)
	x, y := c.xAxis(), c.yAxis()
	for _, t := range y.ticks {
		at := y.pixel(t.at)
		s.line(lineLeft, at, lineLeft+lineWidth, at, "grid")
		s.text(lineLeft-6, at+4, "end", "", t.label)
	}
	for _, t := range x.ticks {
		s.text(x.pixel(t.at), lineTop+lineHeight+16, "middle", "", t.label)
	}
	s.text(lineLeft+lineWidth/2, lineTop+lineHeight+34, "middle", "", c.Bottom)
	for i, series := range c.Series {
		class := fmt.Sprintf("c%d", i%4)
		points := make([][2]float64, len(series.Points))
		for j, p := range series.Points {
			points[j] = [2]float64{x.pixel(p[0]), y.pixel(p[1])}
		}
		s.polyline(points, "line "+class)
		if len(c.Series) > 1 {
			at := lineLeft + lineWidth - 120*float64(len(c.Series)-i)
			s.line(at, 12, at+16, 12, "line "+class)
			s.text(at+22, 16, "start", "value", series.Name)
		}
	}
	return write(w, s.end())
}

// extent is the largest x and y, and the smallest y.
func (c *LineChart) extent() (right, low, high float64) {
	low = math.MaxFloat64
	for _, series := range c.Series {
		for _, p := range series.Points {
			right, low, high = max(right, p[0]), min(low, p[1]), max(high, p[1])
		}
	}
	return right, low, high
}

// xAxis spans the percentiles up to the last one below 100, or all of the time.
func (c *LineChart) xAxis() *axis {
	a := &axis{from: lineLeft, to: lineLeft + lineWidth}
	right, _, _ := c.extent()
	if !c.LogX {
		a.of, a.high = func(v float64) float64 { return v }, max(right, 1e-9)
		for _, v := range niceTicks(right, 8) {
			if v <= right {
				a.ticks = append(a.ticks, tick{v, label(v)})
			}
		}
		return a
	}
	for _, series := range c.Series {
		for _, p := range series.Points {
			if p[0] < 100 {
				a.high = max(a.high, nines(p[0]))
			}
		}
	}
	a.high = max(a.high, 1)
	a.of = func(v float64) float64 { return min(nines(v), a.high) }
	for _, v := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999} {
		if nines(v) <= a.high {
			a.ticks = append(a.ticks, tick{v, fmt.Sprintf("%g %%", v)})
		}
	}
	return a
}

// nines is how many nines percent has: 1 for 90, 2 for 99.
func nines(percent float64) float64 { return -math.Log10(max(1-percent/100, 1e-12)) }

// yAxis spans from 0, or from the power of ten below the smallest value.
func (c *LineChart) yAxis() *axis {
	a := &axis{from: lineTop + lineHeight, to: lineTop}
	_, low, high := c.extent()
	if !c.LogY {
		a.of = func(v float64) float64 { return v }
		ticks := niceTicks(high, lineTicks)
		a.high = ticks[len(ticks)-1]
		for _, v := range ticks {
			a.ticks = append(a.ticks, tick{v, short(v)})
		}
		return a
	}
	a.of = func(v float64) float64 { return math.Log10(max(v, float64(time.Microsecond))) }
	a.low = math.Floor(a.of(min(low, high)))
	a.high = max(math.Ceil(a.of(high)), a.low+1)
	for e := a.low; e <= a.high; e++ {
		v := math.Pow(10, e)
		a.ticks = append(a.ticks, tick{v, time.Duration(v).String()})
	}
	return a
}

// label is v in full, or short where that is long.
func label(v float64) string {
	if v < 1e5 {
		return fmt.Sprintf("%g", v)
	}
	return short(v)
}

// short is v with a suffix for thousands.
func short(v float64) string {
	for _, unit := range []struct {
		size   float64
		suffix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.size {
			return fmt.Sprintf("%g %s", v/unit.size, unit.suffix)
		}
	}
	return fmt.Sprintf("%g", v)
}
