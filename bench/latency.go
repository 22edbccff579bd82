package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxLatency is the longest time a histogram tells apart; longer ones count as it.
const maxLatency = time.Hour

// Latency is a distribution of times, in nanoseconds. All values are exact to
// three digits; Max and Min too.
type Latency struct {
	Count int64         `json:"count"`
	Min   time.Duration `json:"min_ns"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	P9999 time.Duration `json:"p9999_ns"`
	Max   time.Duration `json:"max_ns"`
	Curve []Percentile  `json:"curve"` // the whole distribution, for a plot
}

// Percentile is one point of a distribution.
type Percentile struct {
	Percent float64       `json:"percent"` // of all values, 0 to 100
	Value   time.Duration `json:"ns"`      // which none of them exceeds
}

// recorder collects latencies.
type recorder struct{ h *hdrhistogram.Histogram }

func newRecorder() recorder {
	return recorder{hdrhistogram.New(1, int64(maxLatency), 3)}
}

// record adds one time.
func (r recorder) record(nanos int64) {
	// The value is inside the histogram's range, and nothing else is an error.
	_ = r.h.RecordValue(min(max(nanos, 1), int64(maxLatency)))
}

// percentile is the time that percent of all do not exceed; 0: nothing was recorded.
func (r recorder) percentile(percent float64) time.Duration {
	return time.Duration(max(r.h.ValueAtPercentile(percent), r.h.Min()))
}

// latency reads what was recorded; nil: nothing was.
func (r recorder) latency() *Latency {
	h := r.h
	if h.TotalCount() == 0 {
		return nil
	}
	at := r.percentile
	l := &Latency{
		Count: h.TotalCount(),
		Min:   time.Duration(h.Min()),
		Mean:  time.Duration(h.Mean()),
		P50:   at(50),
		P90:   at(90),
		P99:   at(99),
		P999:  at(99.9),
		P9999: at(99.99),
		Max:   time.Duration(h.Max()),
	}
	// Each point of the curve halves what is left above it, down to one value.
	for left := 1.0; left*float64(h.TotalCount()) >= 1; left /= 2 {
		l.Curve = append(l.Curve, Percentile{Percent: 100 * (1 - left), Value: at(100 * (1 - left))})
	}
	l.Curve = append(l.Curve, Percentile{Percent: 100, Value: l.Max})
	return l
}
