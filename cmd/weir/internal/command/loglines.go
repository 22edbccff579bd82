package command

import (
	"io"
	"sync"
	"time"
)

// logLines writes the lines of a log to a file that may take none: a full disk,
// or a pipe that nobody reads. Nobody who logs waits for it: what does not fit into
// its queue is dropped, and the number of lines said when the file takes some
// again.
type logLines struct {
	w     io.Writer
	tell  func(lost int) // writes to w how many lines were lost
	lines chan []byte
	done  chan struct{} // closed when all is written

	mu    sync.Mutex // guards the following
	lost  int
	ended bool
}

const (
	// maxLogLines is how many lines wait: at some 300 bytes they are 300 KB.
	maxLogLines = 1024
	// logPatience is how long the end waits for a file that takes nothing.
	logPatience = time.Second
)

func newLogLines(w io.Writer, tell func(lost int)) *logLines {
	l := &logLines{w: w, tell: tell, lines: make(chan []byte, maxLogLines), done: make(chan struct{})}
	go l.run() // ends after flush, if w takes what is left; flush waits a second for it
	return l
}

// Write takes one line. It does not block and reports no error.
func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return len(line), nil
	}
	select {
	case l.lines <- append([]byte(nil), line...):
	default:
		l.lost++
	}
	return len(line), nil
}

func (l *logLines) run() {
	defer close(l.done)
	cut := false // a part of a line was written, when the disk became full
	for line := range l.lines {
		if cut {
			line = append([]byte("\n"), line...)
		}
		n, err := l.w.Write(line)
		cut = err != nil && (cut || n > 0)
		l.mu.Lock()
		if err != nil {
			l.lost++
		}
		lost := l.lost
		if err == nil {
			l.lost = 0
		}
		l.mu.Unlock()
		if err == nil && lost > 0 {
			l.tell(lost)
		}
	}
}

// flush writes what waits, if that takes no longer than a second.
func (l *logLines) flush() {
	l.mu.Lock()
	if !l.ended {
		l.ended = true
		close(l.lines)
	}
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(logPatience):
	}
}
