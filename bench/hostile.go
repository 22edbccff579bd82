package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// HostileOptions are the options of [Hostile].
type HostileOptions struct {
	Target
	Witnesses    int           // connections that echo all the time; 100
	Patience     time.Duration // the longest wait for what must come; 15s
	MaxMessage   int64         // the largest message that the server takes; 1 MiB
	MaxFragments int           // the most frames of one; 16384
	Flood        int           // connections of line 60; 1000
	Lines        []int         // those to try; nil: all
	Slow         bool          // also those that wait for longer than Patience by nature: line 34, a minute
}

// The defaults of HostileOptions.
const (
	defaultWitnesses    = 100
	defaultPatience     = 15 * time.Second
	defaultMaxMessage   = 1 << 20
	defaultMaxFragments = 16384
	defaultFlood        = 1000
	hostileAtOnce       = 16               // connections that a line maltreats at a time
	releasePatience     = 10 * time.Second // for the server to give back descriptors after a line
)

// HostileResult is what a server made of hostile inputs. It belongs to the caller.
type HostileResult struct {
	URL       string        `json:"url"`
	Started   time.Time     `json:"started"`
	Seconds   float64       `json:"seconds"`
	Witnesses int           `json:"witnesses"`
	Echoes    int64         `json:"echoes"`         // of the witnesses, meanwhile
	Slowest   time.Duration `json:"slowest"`        // of those
	Lines     []HostileLine `json:"lines"`          // in order
	Failed    int           `json:"failed"`         // of them
	LeftOut   int           `json:"left_out"`       // of them
	Gone      int           `json:"gone,omitempty"` // the line after which the server was not there any more; 0: it is there
}

// HostileLine is one line of the plan.
type HostileLine struct {
	Line     int     `json:"line"`     // its number
	Name     string  `json:"name"`     // what is sent
	Expected string  `json:"expected"` // the answers that are right
	Seen     string  `json:"seen"`     // the answers that came, and how often
	Tried    int     `json:"tried"`    // cases; 0: left out, and Seen says why
	Wrong    int     `json:"wrong"`    // of them
	Seconds  float64 `json:"seconds"`  // for all of them
}

// Hostile sends a server that echoes on its URL what has killed others: malformed
// requests, frames that lie, floods, silence, ends in every state. Each line of the
// plan (docs/reliability.md lists it) has answers that are right; after each, connections
// beside it must still be served, and with a PID the server's descriptors be back.
//
// It blocks until all lines were tried. A line that fails is no error: see
// HostileResult.Failed. When the server has gone the lines that are left are left out.
// The errors are those of a server that cannot be tried at all, and the context's.
func Hostile(ctx context.Context, o HostileOptions) (*HostileResult, error) {
	orDefault(&o.Witnesses, defaultWitnesses)
	orDefault(&o.Patience, defaultPatience)
	orDefault(&o.MaxMessage, defaultMaxMessage)
	orDefault(&o.MaxFragments, defaultMaxFragments)
	orDefault(&o.Flood, defaultFlood)
	if o.Witnesses < 0 || o.Patience < 0 || o.MaxMessage < 0 || o.MaxFragments < 0 || o.Flood < 0 {
		return nil, errors.New("bench: Witnesses, Patience, MaxMessage, MaxFragments and Flood are not negative")
	}
	lines := o.plan()
	if len(lines) == 0 {
		return nil, errors.New("bench: none of these lines can be tried from outside")
	}
	e, err := o.resolve(o.Witnesses+2*hostileAtOnce, true)
	if err != nil {
		return nil, err
	}
	h := &hostile{endpoint: e, o: o, ctx: ctx}
	if e.PID != 0 {
		if h.process, err = openProcess(e.PID); err != nil {
			return nil, err
		}
	}
	p, err := h.open()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	p.close()
	w := &witnesses{patience: o.Patience}
	if err := w.start(h); err != nil {
		return nil, err
	}
	defer w.end()
	if h.process != nil {
		if h.descriptors, err = h.process.descriptors(); err != nil {
			return nil, err
		}
	}
	r := &HostileResult{URL: o.URL, Started: time.Now(), Witnesses: o.Witnesses}
	h.all(lines, r, w)
	r.Seconds = time.Since(r.Started).Seconds()
	r.Echoes, r.Slowest = w.told()
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("bench: %w", err)
	}
	return r, nil
}

// hostile is one run.
type hostile struct {
	*endpoint
	o           HostileOptions
	ctx         context.Context
	process     *process // nil: no PID was given
	descriptors int      // of the server, with the witnesses and nobody else
}

// line is one line of the plan, and how it is tried.
type line struct {
	number         int
	name, expected string
	long           bool // it waits: such lines are tried together
	try            func(h *hostile) []trial
}

// trial is one case of a line.
type trial struct {
	name string // of the case, for when it fails
	seen string // the answer
	ok   bool   // it is right
}

// leftOut is the only trial of a line that can't be tried.
func leftOut(why string) []trial { return []trial{{seen: why}} }

// plan is every line to try.
func (o *HostileOptions) plan() []line {
	return slices.DeleteFunc(plan(), func(l line) bool { return o.Lines != nil && !slices.Contains(o.Lines, l.number) })
}

// all tries the lines one after the other, then those that wait.
func (h *hostile) all(lines []line, r *HostileResult, w *witnesses) {
	var long []line
	for _, l := range lines {
		switch {
		case l.long:
			long = append(long, l)
		case r.Gone > 0:
			r.add(l.leftOut("the server has gone"))
		case h.ctx.Err() == nil:
			h.progress(Progress{Phase: fmt.Sprintf("line %d", l.number), Done: float64(l.number), Total: 82})
			r.add(h.judge(l))
			h.aliveAfter(r, len(r.Lines)-1, w)
		}
	}
	h.progress(Progress{Phase: "lines that wait", Done: 82, Total: 82})
	h.allLong(long, r, w)
	slices.SortFunc(r.Lines, func(a, b HostileLine) int { return a.Line - b.Line })
	for _, l := range r.Lines {
		if l.Wrong > 0 {
			r.Failed++
		}
		if l.Tried == 0 {
			r.LeftOut++
		}
	}
}

// allLong tries the lines that wait, all at once.
func (h *hostile) allLong(lines []line, r *HostileResult, w *witnesses) {
	if r.Gone > 0 {
		for _, l := range lines {
			r.add(l.leftOut("the server has gone"))
		}
		return
	}
	results := make([]HostileLine, len(lines))
	var all sync.WaitGroup
	for i, l := range lines {
		all.Go(func() { results[i] = h.judge(l) }) // ends within the patience of its waits
	}
	all.Wait()
	for _, l := range results {
		r.add(l)
		if r.Gone == 0 {
			h.aliveAfter(r, len(r.Lines)-1, w)
		}
	}
}

func (h *hostile) progress(p Progress) {
	if h.Progress != nil {
		h.Progress(p)
	}
}

func (r *HostileResult) add(l HostileLine) { r.Lines = append(r.Lines, l) }

// leftOut is the result of a line that was not tried.
func (l *line) leftOut(why string) HostileLine {
	return HostileLine{Line: l.number, Name: l.name, Expected: l.expected, Seen: "left out: " + why}
}

// judge tries one line.
func (h *hostile) judge(l line) HostileLine {
	start := time.Now()
	trials := l.try(h)
	got := HostileLine{Line: l.number, Name: l.name, Expected: l.expected, Seconds: time.Since(start).Seconds()}
	if len(trials) == 1 && trials[0].name == "" {
		out := l.leftOut(trials[0].seen)
		out.Seconds = got.Seconds
		return out
	}
	var kinds []string
	count, wrong := map[string]int{}, []string{}
	for _, t := range trials {
		got.Tried++
		if !t.ok {
			got.Wrong++
			wrong = append(wrong, t.name+": "+t.seen)
			continue
		}
		if count[t.seen]++; count[t.seen] == 1 {
			kinds = append(kinds, t.seen)
		}
	}
	var seen []string
	for _, k := range kinds {
		if count[k] > 1 {
			k = fmt.Sprintf("%s × %d", k, count[k])
		}
		seen = append(seen, k)
	}
	for i, x := range wrong {
		if i == 3 {
			seen = append(seen, fmt.Sprintf("and %d more", len(wrong)-3))
			break
		}
		seen = append(seen, "NOT "+x)
	}
	got.Seen = strings.Join(seen, ", ")
	return got
}

// aliveAfter wants every witness served, and the server's descriptors back, after the
// line at r.Lines[i]. If that is not so there are other witnesses for the next one.
func (h *hostile) aliveAfter(r *HostileResult, i int, w *witnesses) {
	why := w.alive()
	if why == "" && h.process != nil {
		why = h.released()
	}
	if why == "" {
		return
	}
	l := &r.Lines[i]
	l.Wrong++
	l.Seen += ", NOT alive: " + why
	w.end()
	if err := w.start(h); err != nil {
		r.Gone = l.Line
		l.Seen += ", and gone: " + err.Error()
	}
}

// released waits until the server has no more descriptors than before.
func (h *hostile) released() string {
	end := time.Now().Add(releasePatience)
	for {
		n, err := h.process.descriptors()
		switch {
		case err != nil:
			return err.Error()
		case n <= h.descriptors:
			return ""
		case time.Now().After(end):
			return fmt.Sprintf("%d descriptors, were %d", n, h.descriptors)
		}
		time.Sleep(10 * time.Millisecond) // polls a condition
	}
}

// each tries the cases of a line, several at a time, and keeps their order.
func each[C any](cases []C, try func(C) trial) []trial {
	out := make([]trial, len(cases))
	var wg sync.WaitGroup
	turn := make(chan struct{}, hostileAtOnce)
	for i, c := range cases {
		turn <- struct{}{}
		wg.Go(func() { // ends within the patience of its waits; Wait waits
			out[i] = try(c)
			<-turn
		})
	}
	wg.Wait()
	return out
}

// WriteJSON writes r as one indented JSON object.
func (r *HostileResult) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// WriteTable writes r for people.
func (r *HostileResult) WriteTable(w io.Writer) error {
	t := r.table()
	if err := write(w, "hostile  "+r.URL+"\n\n"); err != nil {
		return err
	}
	if err := t.WriteText(w); err != nil {
		return err
	}
	return write(w, "\n"+r.summary()+"\n")
}

// WriteMarkdown writes the table as one of GitHub's Markdown.
func (r *HostileResult) WriteMarkdown(w io.Writer) error {
	t := r.table()
	for _, row := range t.Rows {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
	}
	return t.WriteMarkdown(w)
}

func (r *HostileResult) table() *Table {
	t := &Table{Header: []string{"line", "what is sent", "expected", "seen", "", "time"}, Left: 5}
	for _, l := range r.Lines {
		verdict := "ok"
		switch {
		case l.Wrong > 0:
			verdict = "FAILED"
		case l.Tried == 0:
			verdict = ""
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(l.Line), l.Name, l.Expected, l.Seen, verdict, FormatDuration(time.Duration(l.Seconds * 1e9))})
	}
	return t
}

// summary is the last line of the table.
func (r *HostileResult) summary() string {
	gone := ""
	if r.Gone > 0 {
		gone = fmt.Sprintf(" The server was gone after line %d.", r.Gone)
	}
	return fmt.Sprintf("%d lines: %d failed, %d left out. %d witnesses had %s echoes meanwhile, the slowest after %s.",
		len(r.Lines), r.Failed, r.LeftOut, r.Witnesses, FormatCount(r.Echoes), FormatDuration(r.Slowest)) + gone
}
