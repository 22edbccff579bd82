package million

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// collection is one line of GODEBUG=gctrace=1, as package runtime documents it.
type collection struct {
	percent  int           // of CPU time since the start
	sweep    time.Duration // stopped, before
	mark     time.Duration // while the program runs
	finish   time.Duration // stopped, after
	cpu      time.Duration // of all phases, marking by idle processors too
	isForced bool
}

var gcLine = regexp.MustCompile(`^gc \d+ @[\d.]+s (\d+)%: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, ([\d.]+)\+([\d.]+)/([\d.]+)/([\d.]+)\+([\d.]+) ms cpu,`)

// parseCollection reads a line; ok is false if it is of another kind.
func parseCollection(line string) (c collection, ok bool) {
	m := gcLine.FindStringSubmatch(line)
	if m == nil {
		return c, false
	}
	c.percent, _ = strconv.Atoi(m[1]) // the expression lets digits through
	c.sweep, c.mark, c.finish = milliseconds(m[2]), milliseconds(m[3]), milliseconds(m[4])
	c.cpu = milliseconds(m[5]) + milliseconds(m[6]) + milliseconds(m[7]) + milliseconds(m[8]) + milliseconds(m[9])
	c.isForced = strings.HasSuffix(line, "(forced)")
	return c, true
}

// milliseconds reads a number that the expression let through.
func milliseconds(s string) time.Duration {
	v, _ := strconv.ParseFloat(s, 64) // digits and dots; two dots make 0
	return time.Duration(v * float64(time.Millisecond))
}

// add counts a collection.
func (g *GC) add(c collection) {
	g.Count++
	if c.isForced {
		g.Forced++
	}
	g.Percent = c.percent
	g.Paused += c.sweep + c.finish
	g.Longest = max(g.Longest, c.sweep, c.finish)
	g.Concurrent = max(g.Concurrent, c.mark)
	g.CPU += c.cpu
}
