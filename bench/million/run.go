package million

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weirws/weir/bench"
)

// Run holds o.Conns connections to one server, measures, and ends all that it started.
// It blocks until then, Options.Timeout at most. The Result says by its Verdict whether
// the run was good; an error comes alone and means that there is nothing to judge.
func Run(ctx context.Context, o Options) (*Result, error) {
	started := time.Now()
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("it took longer than %v", o.Timeout))
	defer cancel()
	m := readMachine()
	way, conns, err := choose(m, o.Way, o.Conns)
	if err != nil {
		return nil, err
	}
	o.Log(fmt.Sprintf("%s connections by way of %s", bench.FormatCount(int64(conns)), way))
	guestKernel := ""
	if way == UML {
		if guestKernel, err = kernel(ctx, &o); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "weir-million-")
	if err != nil {
		return nil, fmt.Errorf("million: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := programs(ctx, &o, way, dir); err != nil {
		return nil, err
	}
	p := &plan{Way: way, Conns: conns, Idle: o.Idle, Settle: o.Settle, KeepAlive: o.KeepAlive, Server: o.Server, GOGC: "100"}
	if gogc := os.Getenv("GOGC"); gogc != "" && way == Host {
		p.GOGC = gogc // the server inherits it; a guest has an environment of its own
	}
	var r *Result
	if way == UML {
		p.Lock = m.locks(conns)
		r, err = launch(ctx, &o, guestKernel, dir, p)
	} else {
		r, err = onHost(ctx, &o, p)
	}
	if err != nil {
		return nil, err
	}
	r.Started, r.Seconds, r.Budget = started, time.Since(started).Seconds(), o.Budget
	return r, nil
}
