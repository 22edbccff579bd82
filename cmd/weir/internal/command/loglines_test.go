package command

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// tap is a file that takes nothing while it is closed, and no more than room while it is full.
type tap struct {
	mu   sync.Mutex
	full bool
	room int
	b    bytes.Buffer
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full && p.room < len(b) {
		n, _ := p.b.Write(b[:p.room])
		p.room = 0
		return n, errors.New("no space left on device")
	}
	return p.b.Write(b)
}

// linesTo are lines to p, which is told there how many are lost.
func linesTo(p *tap) *logLines {
	return newLogLines(p, func(lost int) { fmt.Fprintln(p, lost, "are lost") })
}

func TestLogLinesAreWritten(t *testing.T) {
	var p tap
	l := linesTo(&p)
	want := ""
	for i := range 100 {
		line := fmt.Sprintln("line", i)
		want += line
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	l.flush()
	l.flush()
	if got := p.b.String(); got != want {
		t.Errorf("got %q", got)
	}
	if n, err := l.Write([]byte("late\n")); n != 5 || err != nil {
		t.Error(n, err)
	}
}

// While the file takes nothing nobody waits; what was lost is said.
func TestLogLinesBlocked(t *testing.T) {
	var p tap
	l := linesTo(&p)
	p.mu.Lock()
	for range 3 * maxLogLines {
		l.Write([]byte("x\n")) // returns
	}
	p.mu.Unlock()
	l.flush()
	got := p.b.String()
	if n := strings.Count(got, "x\n"); n < maxLogLines || n > maxLogLines+1 || !strings.Contains(got, " are lost\n") {
		t.Errorf("%d lines, and %q", n, got[max(0, len(got)-100):])
	}
}

// A full disk loses lines, and no more: not the one behind that which was cut.
func TestLogLinesFull(t *testing.T) {
	p := tap{full: true, room: 1}
	l := linesTo(&p)
	for range 10 {
		l.Write([]byte("x\n"))
	}
	for len(l.lines) > 0 { // they are tried
	}
	p.mu.Lock()
	p.full = false
	p.mu.Unlock()
	l.Write([]byte("again\n"))
	l.flush()
	got := p.b.String()
	for line := range strings.Lines(got) {
		if line != "x\n" && line != "again\n" && !strings.HasSuffix(line, " are lost\n") {
			t.Errorf("got %q in %q", line, got)
		}
	}
	if !strings.Contains(got, "again\n") || !strings.Contains(got, " are lost\n") {
		t.Errorf("got %q", got)
	}
}
