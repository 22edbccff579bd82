package engine

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// pressure compares what the process needs with GOMEMLIMIT, which it is given as
// a whole: MemoryBudget knows only what peers make the engine hold. It is used
// by the engine's clock alone.
//
// What a collection would free is not counted: with GOGC=off the heap fills all
// of the limit before each.
type pressure struct {
	samples []metrics.Sample
	high    bool
}

func newPressure() *pressure {
	p := &pressure{samples: make([]metrics.Sample, 5)}
	for i, name := range []string{
		"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/free:bytes",
		"/memory/classes/heap/objects:bytes", "/gc/heap/live:bytes",
	} {
		p.samples[i].Name = name
	}
	return p
}

// memoryLimit is GOMEMLIMIT, or what debug.SetMemoryLimit has made of it;
// math.MaxInt64: none.
func memoryLimit() int64 { return debug.SetMemoryLimit(-1) }

// look reports whether the process needs nearly all of its limit.
func (p *pressure) look() bool {
	limit := memoryLimit()
	if limit == math.MaxInt64 {
		p.high = false
		return false
	}
	metrics.Read(p.samples)
	v := func(i int) int64 { return int64(p.samples[i].Value.Uint64()) }
	needed := v(0) - v(1) - v(2) - v(3) + v(4)
	mark := limit / 100 * pressurePercent
	if p.high {
		mark = limit / 100 * reliefPercent
	}
	p.high = needed >= mark
	return p.high
}

// press has the budget follow the process's need of memory. It is called by the
// clock.
func (co *core) press(high bool) {
	if co.budget.pressed.Swap(high) == high {
		return
	}
	co.budget.judge(co.budget.total.Load())
	co.eachLoop(func(l *loop) { l.poll.Wake() })
	if high {
		co.Log.Warn("engine: the process is near GOMEMLIMIT: upgrades are refused", "limit", memoryLimit())
	}
}
