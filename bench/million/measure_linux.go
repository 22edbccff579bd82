package million

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirws/weir/bench"
)

// measurement is one run, in a guest or here. It is used by one goroutine.
type measurement struct {
	*plan
	tell    func(event) // progress
	phase   string      // that was last told
	told    time.Time
	ctx     context.Context
	server  *server
	holder  *holder
	started time.Time // of the server
	spent   time.Duration
	result  Result
}

// begin starts the server that p asks for. The caller must close what comes back,
// unless the machine is about to be switched off.
func begin(ctx context.Context, p *plan, tell func(event)) (m *measurement, err error) {
	m = &measurement{plan: p, tell: tell, ctx: ctx, started: time.Now()}
	m.result = Result{Way: p.Way, Kernel: release(), Conns: p.Conns, Locked: p.Lock, GOGC: p.GOGC, Kept: Kept{Every: p.KeepAlive}}
	if m.server, err = startServer(ctx, p); err != nil {
		return nil, err
	}
	if m.holder, err = newHolder(m.server.addr, p.Conns, p.KeepAlive > 0); err != nil {
		m.server.stop()
		return nil, err
	}
	return m, nil
}

// close ends the connections and the server. It may be called twice.
func (m *measurement) close() {
	m.holder.close()
	m.server.stop()
}

// run measures; tell is called on this goroutine.
func (m *measurement) run() (*Result, error) {
	for _, step := range []func() error{m.ramp, m.stall, m.echo, m.sweep, m.idle, m.finish} {
		if err := step(); err != nil {
			if m.ctx.Err() != nil {
				return nil, fmt.Errorf("million: stopped while %s: %w", orElse(m.phase, "the server starts"), context.Cause(m.ctx))
			}
			m.close() // then all that the server said has come
			return nil, fmt.Errorf("%w%s", err, m.server.said())
		}
	}
	return &m.result, nil
}

// orElse is s, or other if it is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// release is that of the running kernel.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "of unknown release"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// progress tells how far a phase is, unless that has just been told.
func (m *measurement) progress(phase string, done, total float64, note string) {
	if phase == m.phase && time.Since(m.told) < tellEvery && done < total {
		return
	}
	m.phase, m.told = phase, time.Now()
	m.tell(event{Progress: &bench.Progress{Phase: phase, Done: done, Total: total, Note: note}})
}

// ramp opens all connections, and reads memory on the way.
func (m *measurement) ramp() error {
	if err := m.readTrimmed(); err != nil {
		return err
	}
	stops := []int{m.Conns / 2}
	for i := 1; i <= readings; i++ {
		stops = append(stops, int(int64(m.Conns)*int64(i)/readings))
	}
	slices.Sort(stops)
	for _, stop := range slices.Compact(stops) {
		if stop == 0 {
			continue
		}
		if err := m.connect(stop); err != nil {
			return err
		}
		read := m.read
		if stop == m.Conns/2 || stop == m.Conns {
			read = m.readTrimmed
		}
		if err := read(); err != nil {
			return err
		}
	}
	m.result.Upgrades = m.holder.upgrades
	m.result.RampSeconds = m.spent.Seconds()
	m.result.RampRate = float64(m.result.Upgrades.Done) / m.spent.Seconds()
	private, _, err := memoryOf(unix.Getpid())
	m.result.Holder = private
	if m.Way == UML {
		m.result.Memory.Guest = int64(meminfo("MemTotal")) - int64(meminfo("MemFree"))
	}
	m.result.Memory.slopes(m.Conns)
	return err
}

// connect opens connections until there are n.
func (m *measurement) connect(n int) error {
	begun := time.Now()
	defer func() { m.spent += time.Since(begun) }()
	for len(m.holder.fds) < n {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := m.holder.connect(n); err != nil {
			return err
		}
		if err := m.holder.answer(0); err != nil {
			return err
		}
		done := len(m.holder.fds)
		rate := float64(done) / (m.spent + time.Since(begun)).Seconds()
		m.progress("connecting", float64(done), float64(m.Conns), fmt.Sprintf("%s connections, %s/s", bench.FormatCount(int64(done)), bench.FormatCount(int64(rate))))
	}
	return nil
}

// read reads memory as it is.
func (m *measurement) read() error {
	c, err := m.server.count(m.ctx)
	if err != nil {
		return err
	}
	return m.note(c, false)
}

// readTrimmed reads memory, has free memory returned, and reads it again.
func (m *measurement) readTrimmed() error {
	if err := m.holder.rest(m.ctx, m.Settle); err != nil {
		return err
	}
	if err := m.read(); err != nil {
		return err
	}
	c, err := m.server.trim(m.ctx)
	if err != nil {
		return err
	}
	if err := m.holder.rest(m.ctx, m.Settle); err != nil {
		return err
	}
	return m.note(c, true)
}

// note adds a reading.
func (m *measurement) note(c counters, trimmed bool) error {
	private, rss, err := memoryOf(m.server.pid)
	if err != nil {
		return err
	}
	m.result.Memory.Readings = append(m.result.Memory.Readings, Reading{
		Conns:   len(m.holder.fds),
		Seconds: time.Since(m.started).Seconds(),
		Private: private,
		RSS:     rss,
		Heap:    c.HeapBytes,
		Kernel:  kernelMemory(),
		Trimmed: trimmed,
	})
	return nil
}

// text is what a connection echoes: its number, filled up.
func text(conn int) []byte { return fmt.Appendf(nil, "%0*d", echoBytes, conn) }

// echo has a sample of all connections echo, one at a time.
func (m *measurement) echo() error {
	n := min(echoSample, m.Conns)
	trips := make([]time.Duration, 0, n)
	for i := range n {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		conn := int(int64(i) * int64(m.Conns) / int64(n))
		begun := time.Now()
		err := errors.New("it is not open")
		if m.holder.fds[conn] >= 0 {
			err = m.holder.echo(conn, text(conn))
		}
		if err != nil {
			if err := m.holder.fail(&m.result.Echoes, conn, "echo", err); err != nil {
				return err
			}
			continue
		}
		trips = append(trips, time.Since(begun))
		m.result.Echoes.Done++
		m.progress("echoing", float64(i+1), float64(n), "")
	}
	m.result.Trips = distribution(trips)
	return nil
}

// distribution sums up round trips.
func distribution(trips []time.Duration) Trips {
	if len(trips) == 0 {
		return Trips{}
	}
	slices.Sort(trips)
	at := func(percent int) time.Duration { return trips[min(len(trips)*percent/100, len(trips)-1)] }
	return Trips{P50: at(50), P99: at(99), Max: trips[len(trips)-1]}
}

// sweep has each connection answer a ping.
func (m *measurement) sweep() error {
	begun := time.Now()
	for first := 0; first < len(m.holder.fds); first += batch {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if err := m.holder.sweep(&m.result.Pings, first); err != nil {
			return err
		}
		if err := m.holder.answer(0); err != nil {
			return err
		}
		done := min(first+batch, len(m.holder.fds))
		m.progress("pinging all", float64(done), float64(m.Conns), fmt.Sprintf("%s pongs", bench.FormatCount(m.result.Pings.Done)))
	}
	m.result.Sweep = time.Since(begun).Seconds()
	return nil
}

// idle watches the server's CPU time while nothing happens.
func (m *measurement) idle() error {
	if err := m.holder.rest(m.ctx, calm*m.Settle); err != nil {
		return err
	}
	before, err := cpuOf(m.server.pid)
	if err != nil {
		return err
	}
	gcBefore, _, _ := m.server.collections()
	begun := time.Now()
	for passed := time.Duration(0); passed < m.Idle; passed = time.Since(begun) {
		m.progress("idling", passed.Seconds(), m.Idle.Seconds(), "")
		if err := m.holder.rest(m.ctx, min(m.Idle-passed, 5*time.Second)); err != nil {
			return err
		}
	}
	after, err := cpuOf(m.server.pid)
	passed := time.Since(begun).Seconds()
	spent := (after - before).Seconds()
	gcAfter, _, _ := m.server.collections()
	m.result.Idle = Idle{
		Seconds: passed, CPUSeconds: spent, Percent: 100 * spent / passed,
		Collections: gcAfter.Count - gcBefore.Count, GCSeconds: (gcAfter.CPU - gcBefore.CPU).Seconds(),
	}
	return err
}

// finish counts what is left.
func (m *measurement) finish() error {
	c, err := m.server.count(m.ctx)
	if err != nil {
		return err
	}
	m.result.Held = c.Connections
	m.result.Failures = m.holder.failures
	m.result.Kept.Answered = m.holder.answered
	stalls := m.result.GC
	m.result.GC, _, _ = m.server.collections()
	m.result.GC.LastCPU, m.result.GC.LastMark = stalls.LastCPU, stalls.LastMark
	m.result.GC.Stall, m.result.GC.StallUsual, m.result.GC.StallReturn = stalls.Stall, stalls.StallUsual, stalls.StallReturn
	return nil
}
