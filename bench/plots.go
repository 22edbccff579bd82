package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WritePlots writes what r can show as SVG files into dir, which it makes if it has
// to: SCENARIO-latency.svg, SCENARIO-throughput.svg, SCENARIO-cpu.svg and
// SCENARIO-memory.svg. It returns the paths of those it wrote.
func (r *Result) WritePlots(dir string) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	for _, p := range []struct {
		name  string
		chart *LineChart
	}{
		{"latency", r.latencyChart()},
		{"throughput", r.overTime(r.units()+" per second", func(s *Sample) float64 { return s.PerSecond })},
		{"cpu", r.overTime("server CPU, µs per "+r.Unit, func(s *Sample) float64 { return s.CPUMicros })},
		{"memory", r.overTime("server's private memory, MiB", func(s *Sample) float64 { return float64(s.PrivateBytes) / (1 << 20) })},
	} {
		if p.chart == nil {
			continue
		}
		path := filepath.Join(dir, r.Scenario+"-"+p.name+".svg")
		if err := writeFile(path, p.chart.WriteSVG); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// latencyChart shows the distributions; nil: there is none.
func (r *Result) latencyChart() *LineChart {
	c := &LineChart{Title: r.Scenario + ": latency", Bottom: "percentile", LogX: true, LogY: true}
	for _, of := range []struct {
		name string
		l    *Latency
	}{{"latency", r.Latency}, {"generator's lag", r.Lag}} {
		if of.l == nil {
			continue
		}
		line := LineValue{Name: of.name}
		for _, p := range of.l.Curve {
			line.Points = append(line.Points, [2]float64{p.Percent, float64(p.Value)})
		}
		c.Series = append(c.Series, line)
	}
	if len(c.Series) == 0 {
		return nil
	}
	return c
}

// overTime shows a figure of the samples; nil: there are too few, or it is zero in all.
func (r *Result) overTime(title string, of func(*Sample) float64) *LineChart {
	line, top := LineValue{}, 0.0
	for i := range r.Samples {
		s := &r.Samples[i]
		line.Points = append(line.Points, [2]float64{s.Seconds, of(s)})
		top = max(top, of(s))
	}
	if len(line.Points) < 2 || top == 0 {
		return nil
	}
	return &LineChart{Title: r.Scenario + ": " + title, Bottom: "seconds", Series: []LineValue{line}}
}

// writeFile writes a file with what content writes.
func writeFile(path string, content func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := errors.Join(content(f), f.Close()); err != nil {
		return fmt.Errorf("bench: %s: %w", path, err)
	}
	return nil
}
