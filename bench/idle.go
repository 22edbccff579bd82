package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// IdleOptions are the options of [Idle].
type IdleOptions struct {
	Target               // PID is required
	Conns  int           // connections; 10000
	Trim   string        // URL that returns the server's free memory to the system when it is POSTed to; none
	Settle time.Duration // quiet before each reading; 1s

	Messages int // echoed on each connection before that, at an echoing path; none
	Size     int // of them, in bytes; 1024
}

// trimTimeout bounds one request to IdleOptions.Trim.
const trimTimeout = 30 * time.Second

// Idle opens connections and leaves them alone, answering pings. It reads the
// server's private memory with none, half and all of them: the slope between half
// and all is what a connection costs, free of what the process has anyway. With
// Trim each reading is made twice, before and after free memory was returned: a
// server whose heap grows in steps is judged by what it uses.
//
// It blocks until the scenario is over. An error comes alone.
func Idle(ctx context.Context, o IdleOptions) (*Result, error) {
	orDefault(&o.Conns, 10_000)
	orDefault(&o.Settle, time.Second)
	orDefault(&o.Size, 1024)
	if o.Messages < 0 || o.Size < 0 || o.Size > maxSize {
		return nil, errors.New("bench: Messages and Size are not negative, and Size is 64 MiB at most")
	}
	if o.Conns < 2 || o.Settle < 0 {
		return nil, errors.New("bench: Conns is at least 2, and Settle is not negative")
	}
	if o.PID == 0 {
		return nil, errors.New("bench: memory is read from the server's process: give its PID")
	}
	e, err := o.resolve(o.Conns, false)
	if err != nil {
		return nil, err
	}
	var f *frames
	if o.Messages > 0 {
		if f, err = (&Load{Size: o.Size}).frames(o.Compression); err != nil {
			return nil, err
		}
	}
	g, err := newGenerator(ctx, e, f)
	if err != nil {
		return nil, err
	}
	defer g.close()
	started := time.Now()
	begun := g.clock.now()
	s, m := strict{g}, &Memory{Trimmed: o.Trim != ""}
	var conns []*conn
	for _, n := range []int{0, o.Conns / 2, o.Conns} {
		old := len(conns)
		if conns, err = g.dialAll(conns, n, s); err != nil {
			return nil, err
		}
		if err := g.converse(conns[old:], o.Messages); err != nil {
			return nil, err
		}
		r, err := g.readMemory(&o, n)
		if err != nil {
			return nil, err
		}
		m.Readings = append(m.Readings, r)
	}
	half, all := m.Readings[1], m.Readings[2]
	added := float64(all.Conns - half.Conns)
	m.PerConn = float64(all.Trimmed-half.Trimmed) / added
	m.PerConnRaw = float64(all.Raw-half.Raw) / added
	return &Result{
		Scenario: "idle",
		URL:      o.URL,
		Settings: []Setting{{"connections", strconv.Itoa(o.Conns)}, {"settle", o.Settle.String()}, {"messages", strconv.Itoa(o.Messages)}},
		Started:  started,
		Seconds:  seconds(g.clock.now() - begun),
		Unit:     "connection",
		Count:    int64(o.Conns),
		Idle:     m,
	}, nil
}

// atOnce is how many connections converse at a time.
const atOnce = 100

// converse has each of conns echo n messages.
func (g *generator) converse(conns []*conn, n int) error {
	for ; n > 0 && len(conns) > 0; conns = conns[min(atOnce, len(conns)):] {
		for _, c := range conns[:min(atOnce, len(conns))] {
			c.push(n, g.clock.now())
		}
		if err := g.drain(); err != nil {
			return err
		}
	}
	return nil
}

// readMemory reads the server's private memory with conns connections.
func (g *generator) readMemory(o *IdleOptions, conns int) (r Reading, err error) {
	r.Conns = conns
	if r.Raw, err = g.settle(o.Settle); err != nil {
		return r, err
	}
	r.Trimmed = r.Raw
	if o.Trim == "" {
		return r, nil
	}
	if err := trim(g.ctx, o.Trim); err != nil {
		return r, err
	}
	r.Trimmed, err = g.settle(o.Settle)
	return r, err
}

// settle leaves the server alone for d and reads its private memory.
func (g *generator) settle(d time.Duration) (int64, error) {
	if err := g.pause(d); err != nil {
		return 0, err
	}
	return g.process.private()
}

// trim posts to url.
func trim(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return fmt.Errorf("bench: trim: %w", err)
	}
	// One connection per request: a reading must not include one that is kept.
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("bench: trim: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return fmt.Errorf("bench: trim: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("bench: trim: %s answered %s", url, answer.Status)
	}
	return nil
}
