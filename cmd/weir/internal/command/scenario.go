package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/cmd/weir/internal/size"
)

// load are the flags of bench.Load.
type load struct {
	bench.Load
	size size.Bytes
}

// addTo adds them, with the time for which the scenario runs.
func (l *load) addTo(cmd *cobra.Command, duration time.Duration) {
	l.size = 32
	l.addTimes(cmd, duration)
	cmd.Flags().Var(&l.size, "size", "`BYTES` of each message")
	cmd.Flags().BoolVar(&l.Text, "text", false, "send text instead of binary messages")
}

// addTimes adds those that scenarios without messages have, too.
func (l *load) addTimes(cmd *cobra.Command, duration time.Duration) {
	cmd.Flags().DurationVar(&l.Duration, "duration", duration, "`DURATION` how long to measure")
	cmd.Flags().DurationVar(&l.Warmup, "warmup", time.Second, "`DURATION` load before that")
}

// get returns the Load that the flags ask for: bench takes a negative value for
// none, and 0 for the default.
func (l *load) get() bench.Load {
	got := l.Load
	got.Size = int(l.size)
	if got.Size == 0 {
		got.Size = -1
	}
	if got.Warmup == 0 {
		got.Warmup = -1
	}
	return got
}

const measureFor = 5 * time.Second

func newBenchEcho() *cobra.Command {
	var o bench.EchoOptions
	var l load
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		return bench.Echo(ctx, o)
	}}
	cmd := newScenario(m, "echo", "Keep messages under way, and find out what one costs")
	cmd.Flags().IntVar(&o.Conns, "conns", 100, "`N` connections")
	cmd.Flags().IntVar(&o.InFlight, "in-flight", 1, "`N` messages under way on each")
	cmd.Flags().Int64Var(&o.Messages, "messages", 0, "`N` messages, instead of --duration")
	l.addTo(cmd, measureFor)
	return m.addTo(cmd)
}

func newBenchRate() *cobra.Command {
	var o bench.RateOptions
	var l load
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		return bench.Rate(ctx, o)
	}}
	cmd := newScenario(m, "rate", "Send at a fixed rate, and find out how long answers take")
	cmd.Flags().IntVar(&o.Conns, "conns", 1000, "`N` connections")
	cmd.Flags().Float64Var(&o.PerSecond, "rate", 10000, "`N` messages per second over all of them")
	l.addTo(cmd, measureFor)
	return m.addTo(cmd)
}

func newBenchBroadcast() *cobra.Command {
	var o bench.BroadcastOptions
	var l load
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		return bench.Broadcast(ctx, o)
	}}
	cmd := newScenario(m, "broadcast", "Send messages that the server delivers to everyone")
	cmd.Flags().IntVar(&o.Conns, "conns", 1000, "`N` receivers")
	cmd.Flags().IntVar(&o.InFlight, "in-flight", 1, "`N` messages under way at a time")
	cmd.Flags().Float64Var(&o.PerSecond, "rate", 0, "`N` messages per second; 0: each when one has reached all")
	cmd.Flags().IntVar(&o.Stalled, "stalled", 0, "`N` further connections that read nothing")
	l.addTo(cmd, measureFor)
	return m.addTo(cmd)
}

func newBenchIdle() *cobra.Command {
	var o bench.IdleOptions
	m := &measurement{}
	m.run = func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		if err := m.wantPID("weir bench idle", t.URL); err != nil {
			return nil, err
		}
		o.Target = t
		return bench.Idle(ctx, o)
	}
	cmd := newScenario(m, "idle", "Open connections, leave them alone, and find out what one holds")
	cmd.Flags().IntVar(&o.Conns, "conns", 10000, "`N` connections")
	cmd.Flags().StringVar(&o.Trim, "trim", "", "`URL` POST here returns the server's free memory")
	cmd.Flags().IntVar(&o.Messages, "messages", 0, "`N` messages of 1 KiB echoed on each connection first")
	cmd.Flags().DurationVar(&o.Settle, "settle", time.Second, "`DURATION` quiet before each reading")
	return m.addTo(cmd)
}

func newBenchConnect() *cobra.Command {
	var o bench.ConnectOptions
	var l load
	dialing := 0
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		o.Dialing = dialing
		return bench.Connect(ctx, o)
	}}
	cmd := newScenario(m, "connect", "Open and reset connections, and count the handshakes")
	cmd.Flags().IntVar(&dialing, "dialing", 64, "`N` handshakes under way at a time")
	l.addTimes(cmd, measureFor)
	return m.addTo(cmd)
}

func newBenchChurn() *cobra.Command {
	var o bench.ChurnOptions
	var l load
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		return bench.Churn(ctx, o)
	}}
	cmd := newScenario(m, "churn", "Open connections, echo once, end them in three ways")
	cmd.Flags().IntVar(&o.Conns, "conns", 100, "`N` connections at a time")
	l.addTo(cmd, measureFor)
	return m.addTo(cmd)
}

func newBenchSoak() *cobra.Command {
	var o bench.SoakOptions
	var l load
	m := &measurement{run: func(ctx context.Context, t bench.Target) (*bench.Result, error) {
		o.Target, o.Load = t, l.get()
		if o.Churn == 0 {
			o.Churn = -1 // none
		}
		result, err := bench.Soak(ctx, o)
		if result != nil && ctx.Err() != nil {
			return result, nil // it may be ended at any time
		}
		return result, err
	}}
	cmd := newScenario(m, "soak", "Load a server for long, with connections that come and go")
	cmd.Flags().IntVar(&o.Conns, "conns", 1000, "`N` connections that stay")
	cmd.Flags().Float64Var(&o.PerSecond, "rate", 5000, "`N` messages per second over all of them")
	cmd.Flags().Float64Var(&o.Churn, "churn", 20, "`N` connections per second that come and go")
	cmd.Flags().DurationVar(&o.Every, "every", 10*time.Second, "`DURATION` between two samples")
	l.addTo(cmd, time.Hour)
	return m.addTo(cmd)
}
