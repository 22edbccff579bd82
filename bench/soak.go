package bench

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"
)

// SoakOptions are the options of [Soak].
type SoakOptions struct {
	Target
	Load                    // Duration: 1h
	Conns     int           // connections that stay; 1000
	PerSecond float64       // messages over them; 5000
	Churn     float64       // connections per second that come, echo one message and go, as in Churn; 20; negative: none
	Every     time.Duration // between two samples; 10s
}

// Soak loads a server for a long time, with messages at a fixed rate as in [Rate]
// and connections that come and go as in [Churn] at once, and takes a Sample of
// latency, CPU, memory and descriptors now and then: what grows shows.
//
// It blocks until the scenario is over. For the errors see [Rate] and [Churn]; a
// context that ends early is an ordinary end here, with its error beside the Result.
func Soak(ctx context.Context, o SoakOptions) (*Result, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	dial := o.DialTimeout
	orDefault(&dial, defaultDialTimeout)
	atMost := o.Churn * (dial + echoTimeout + closeTimeout).Seconds() // of those that come and go
	e, err := o.resolve(o.Conns+int(atMost), true)
	if err != nil {
		return nil, err
	}
	f, err := o.frames(o.Compression)
	if err != nil {
		return nil, err
	}
	g, err := newGenerator(ctx, e, f)
	if err != nil {
		return nil, err
	}
	defer g.close()
	before, err := g.holdings()
	if err != nil {
		return nil, err
	}
	s, come := newRateScene(g, o.PerSecond), &churnScene{g: g}
	detail := newRecorder()
	s.meter.detail, s.meter.slice = &detail, int64(o.Every)
	if s.conns, err = g.dialAll(nil, o.Conns, s); err != nil {
		return nil, err
	}
	s.begin(&o.Load, g.clock.now())
	turn := newTurnstile(o.Churn, s.start)
	step := func(now int64) (wake int64) {
		for turn.due(now) {
			come.dial(now)
		}
		return min(s.step(now), turn.next(), come.expire(now))
	}
	if err := s.meter.run(&o.Load, step); err != nil {
		return growth(come.add(s.partial("soak", o.settings()), before)), err
	}
	err = errors.Join(s.finish(g, s.step), come.finish())
	s.chargeMissing()
	r := growth(come.add(s.result("soak", o.settings()), before))
	if err != nil {
		return r, err
	}
	for _, c := range s.conns {
		c.drop(true)
	}
	r.After, err = g.released(before)
	return r, err
}

// defaults fills the fields that are zero and refuses those that make no sense.
func (o *SoakOptions) defaults() error {
	orDefault(&o.Conns, 1000)
	orDefault(&o.PerSecond, 5000)
	orDefault(&o.Churn, 20)
	orDefault(&o.Every, 10*time.Second)
	orDefault(&o.Duration, time.Hour)
	if o.Conns < 0 {
		return errors.New("bench: Conns is negative")
	}
	if o.Churn < 0 {
		o.Churn = 0
	}
	if err := errors.Join(checkRate("PerSecond", o.PerSecond), checkRate("Churn", o.Churn)); err != nil {
		return err
	}
	if o.Every < time.Duration(minSlice) {
		return errors.New("bench: Every is less than 100ms")
	}
	return o.Load.defaults()
}

// settings describes the scenario.
func (o *SoakOptions) settings() []Setting {
	return append([]Setting{
		{"connections", strconv.Itoa(o.Conns)},
		{"rate", number(o.PerSecond) + " messages/s"},
		{"churn", number(o.Churn) + " connections/s"},
	}, o.Load.settings()...)
}

// turnstile lets one through per interval.
type turnstile struct {
	from     int64
	interval float64 // nanoseconds; 0: it is shut
	passed   int64
}

// newTurnstile lets perSecond through, from a time on; 0: nobody.
func newTurnstile(perSecond float64, from int64) turnstile {
	if perSecond == 0 {
		return turnstile{}
	}
	return turnstile{from: from, interval: 1e9 / perSecond}
}

// next is when the next one may pass.
func (t *turnstile) next() int64 {
	if t.interval == 0 {
		return math.MaxInt64
	}
	return t.from + int64(float64(t.passed)*t.interval)
}

// due lets one through if it is time.
func (t *turnstile) due(now int64) bool {
	if t.next() > now {
		return false
	}
	t.passed++
	return true
}

// growth fits a line to the private memory of r's samples but the first quarter, in
// which a server gets warm. r may be nil.
func growth(r *Result) *Result {
	if r == nil || len(r.Samples) < 4 {
		return r
	}
	samples := r.Samples[len(r.Samples)/4:]
	var x, y, xx, xy float64
	for _, s := range samples {
		t, v := s.Seconds, float64(s.PrivateBytes)
		x, y, xx, xy = x+t, y+v, xx+t*t, xy+t*v
	}
	n := float64(len(samples))
	if d := n*xx - x*x; d > 0 {
		r.GrowthBytes = (n*xy - x*y) / d * time.Hour.Seconds()
	}
	return r
}
