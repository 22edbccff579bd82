package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress is how far a scenario is.
type Progress struct {
	Phase string  // "connecting", "warming up", "measuring", ...
	Done  float64 // connections or seconds
	Total float64 // of the same; 0: unknown
	Note  string  // a figure so far, like "123456 msg/s"; may be empty
}

// progressEvery is how often a scenario tells its progress.
const progressEvery = int64(200 * time.Millisecond)

// progress tells p with its note, unless it has told one a moment ago; note may be nil.
func (g *generator) progress(p Progress, note func(now int64) string, now int64) {
	if g.Progress == nil || now < g.told+progressEvery {
		return
	}
	g.told = now
	if note != nil {
		p.Note = note(now)
	}
	g.Progress(p)
}

// barCells is the width of a bar.
const barCells = 30

// ProgressBar returns a function for Target.Progress that draws one line on a terminal
// and draws over it each time. The caller writes a line break, or "\r\x1b[K", when
// the scenario is over. Errors of w are ignored: a bar is not worth failing for.
func ProgressBar(w io.Writer) func(Progress) {
	return func(p Progress) {
		line := "\r\x1b[K" + p.Phase
		if p.Total > 0 {
			part := min(max(p.Done/p.Total, 0), 1)
			full := int(part * barCells)
			line += fmt.Sprintf(" [%s%s] %3.0f %%", strings.Repeat("=", full), strings.Repeat(" ", barCells-full), part*100)
		}
		if p.Note != "" {
			line += "  " + p.Note
		}
		_, _ = io.WriteString(w, line) // a bar is not worth failing for
	}
}
