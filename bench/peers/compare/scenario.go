package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weirws/weir/bench"
)

// defaultScenarios are those that the project's goals name.
var defaultScenarios = []string{
	"echo-1000x1x32", "echo-1000x1x512", "echo-100x16x32", "echo-100x1x16K", "echo-10x1x1M",
	"rate-18000x2000x32", "broadcast-5000x128", "idle-10000", "connect-64", "echo-100x1x1K-deflate",
	"echo-tls-1000x1x32",
}

// scenario is one load.
type scenario struct {
	name     string // as it was asked for
	kind     string
	conns    int
	inFlight int
	rate     float64
	size     int
	load     bench.Load
	spin     bool
	deflate  bool // messages are compressed, without a context on either side
	tls      bool
}

// parseScenarios reads the list of the command line.
func parseScenarios(o *options) (list []*scenario, err error) {
	for name := range strings.SplitSeq(o.scenarios, ",") {
		s := &scenario{name: name, spin: o.spin}
		if err := s.parse(); err != nil {
			return nil, fmt.Errorf("scenario %q: %w", name, err)
		}
		s.load = bench.Load{Size: s.size, Duration: o.duration, Warmup: o.warmup}
		if o.warmup == 0 {
			s.load.Warmup = -1
		}
		list = append(list, s)
	}
	return list, nil
}

// parse reads the parts of the name.
func (s *scenario) parse() error {
	name, deflate := strings.CutSuffix(s.name, "-deflate")
	s.deflate = deflate
	kind, rest, _ := strings.Cut(name, "-")
	s.kind = kind
	if after, ok := strings.CutPrefix(rest, "tls-"); ok {
		rest, s.tls = after, true
	}
	var rate int
	fields := map[string][]*int{
		"echo":      {&s.conns, &s.inFlight, &s.size},
		"rate":      {&rate, &s.conns, &s.size},
		"broadcast": {&s.conns, &s.size},
		"idle":      {&s.conns, &s.size},
		"connect":   {&s.conns},
	}[kind]
	parts := strings.Split(rest, "x")
	if kind == "idle" && len(parts) == 1 { // nothing is echoed before
		fields = fields[:1]
	}
	if fields == nil || len(parts) != len(fields) {
		return fmt.Errorf("it is none of echo-CONNSxINFLIGHTxSIZE, rate-PERSECONDxCONNSxSIZE, broadcast-CONNSxSIZE, idle-CONNS, idle-CONNSxSIZE, connect-DIALING, or of these with -tls- in the place of the first -, or -deflate behind it")
	}
	for i, field := range fields {
		n, err := number(parts[i])
		if err != nil {
			return err
		}
		*field = n
	}
	s.rate = float64(rate)
	return nil
}

// number is a positive number that may end in K or M.
func number(s string) (int, error) {
	factor := 1
	switch {
	case strings.HasSuffix(s, "K"):
		s, factor = s[:len(s)-1], 1<<10
	case strings.HasSuffix(s, "M"):
		s, factor = s[:len(s)-1], 1<<20
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	return n * factor, nil
}

// title says what the load is.
func (s *scenario) title() string {
	if s.tls {
		return s.what() + ", TLS"
	}
	return s.what()
}

func (s *scenario) what() string {
	size := bench.FormatBytes(float64(s.size))
	if s.deflate {
		size += " of JSON, compressed"
	}
	switch s.kind {
	case "echo":
		return fmt.Sprintf("Echo: %d connections, %d in flight, %s", s.conns, s.inFlight, size)
	case "rate":
		return fmt.Sprintf("Open loop: %.0f messages/s over %d connections, %s", s.rate, s.conns, size)
	case "broadcast":
		return fmt.Sprintf("Broadcast to %d, %s, per delivery", s.conns, size)
	case "idle":
		if s.size > 0 {
			return fmt.Sprintf("Idle: %d connections, after an echo of %s", s.conns, size)
		}
		return fmt.Sprintf("Idle: %d connections", s.conns)
	default:
		return fmt.Sprintf("Connect, upgrade, reset: %d handshakes under way", s.conns)
	}
}

// unit is that of the figure which compares.
func (s *scenario) unit() string {
	switch s.kind {
	case "idle":
		return "private bytes per connection"
	case "broadcast":
		return "server CPU µs/delivery"
	case "connect":
		return "server CPU µs/handshake"
	default:
		return "server CPU µs/message"
	}
}

// path is what the server serves the scenario on.
func (s *scenario) path() string {
	if s.kind == "broadcast" {
		return "/broadcast"
	}
	return "/echo"
}

// idleSettle is the quiet before memory is read.
const idleSettle = 500 * time.Millisecond

// run measures one server once.
func (s *scenario) run(ctx context.Context, sv *server) (*bench.Result, error) {
	at := bench.Target{URL: "ws://" + sv.addr + s.path(), PID: sv.pid(), Spin: s.spin}
	if s.deflate {
		at.Compression = bench.CompressedAlone
	}
	if s.tls {
		at.URL, at.TLS = "wss://"+sv.addr+s.path(), sv.trust
	}
	switch s.kind {
	case "echo":
		return bench.Echo(ctx, bench.EchoOptions{Target: at, Load: s.load, Conns: s.conns, InFlight: s.inFlight})
	case "rate":
		return bench.Rate(ctx, bench.RateOptions{Target: at, Load: s.load, Conns: s.conns, PerSecond: s.rate})
	case "broadcast":
		return bench.Broadcast(ctx, bench.BroadcastOptions{Target: at, Load: s.load, Conns: s.conns})
	case "idle":
		trim := ""
		if sv.stats != "" {
			trim = "http://" + sv.stats + "/trim"
		}
		return bench.Idle(ctx, bench.IdleOptions{
			Target: at, Conns: s.conns, Trim: trim, Settle: idleSettle, Messages: min(s.size, 1), Size: s.size})
	default:
		at.Dialing = s.conns
		return bench.Connect(ctx, bench.ConnectOptions{Target: at, Load: s.load})
	}
}

// figure is what compares.
func (s *scenario) figure(r *bench.Result) float64 {
	switch {
	case r.Idle != nil:
		return r.Idle.PerConn
	case r.Server != nil:
		return r.Server.CPUMicros
	}
	return 0
}
