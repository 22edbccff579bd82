// Package prompt is a line editor for a terminal in raw mode, above which
// output can appear at any time without disturbing what is being typed.
package prompt

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode"
)

const (
	// maxLineRunes bounds a line: 64 KiB of ASCII.
	maxLineRunes = 64 << 10
	// maxHistory bounds the lines that the up key brings back.
	maxHistory = 100
)

// ErrInterrupted is what ReadLine returns when Ctrl-C was pressed.
var ErrInterrupted = errors.New("prompt: interrupted")

// Prompt edits lines. ReadLine is for one goroutine; Print and Close may be
// called from any.
type Prompt struct {
	in      *bufio.Reader
	columns func() int

	// Owned by ReadLine.
	history []string
	recall  int    // place in history of what is shown; len(history): none
	draft   []rune // what was being typed before the history was looked at

	mu     sync.Mutex // guards the following
	out    io.Writer
	lead   string // shown before the line
	width  int    // columns that lead takes
	line   []rune
	cursor int // index into line
	shown  bool
	closed bool
}

// New returns a Prompt that reads keys from in and shows lead, which takes
// width columns, and the line on out. columns says how wide out is at present.
func New(in io.Reader, out io.Writer, lead string, width int, columns func() int) *Prompt {
	return &Prompt{in: bufio.NewReader(in), out: out, lead: lead, width: width, columns: columns}
}

// ReadLine returns the next line that is entered, without its end. It returns
// io.EOF when Ctrl-D is pressed on an empty line or the input ends, and
// [ErrInterrupted] when Ctrl-C is pressed. It blocks.
func (p *Prompt) ReadLine() (string, error) {
	p.show()
	for {
		k, r, err := readKey(p.in)
		if err != nil {
			p.finish()
			return "", err
		}
		switch k {
		case keyEnter:
			line := p.finish()
			p.remember(line)
			return line, nil
		case keyInterrupt:
			p.finish()
			return "", ErrInterrupted
		case keyEnd:
			if p.empty() {
				p.finish()
				return "", io.EOF
			}
			p.edit(keyDelete, 0)
		case keyUp, keyDown:
			p.browse(k)
		default:
			p.edit(k, r)
		}
	}
}

// Print shows text, which ends with a line feed, above the line.
func (p *Prompt) Print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown {
		io.WriteString(p.out, text)
		return
	}
	io.WriteString(p.out, "\r\x1b[K"+text+p.render())
}

// Close takes the prompt off the screen for good. Print goes on to work.
func (p *Prompt) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		io.WriteString(p.out, "\r\x1b[K")
	}
	p.shown, p.closed = false, true
}

// show puts an empty line on the screen.
func (p *Prompt) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.shown = true
	io.WriteString(p.out, p.render())
}

// finish takes the line off the screen and returns it: whoever reads lines
// shows what becomes of them.
func (p *Prompt) finish() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := string(p.line)
	p.line, p.cursor = p.line[:0], 0
	if p.shown {
		io.WriteString(p.out, "\r\x1b[K")
	}
	p.shown = false
	return line
}

func (p *Prompt) empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.line) == 0
}

// remember adds line to the history, unless it repeats the last one.
func (p *Prompt) remember(line string) {
	if line != "" && (len(p.history) == 0 || p.history[len(p.history)-1] != line) {
		p.history = append(p.history, line)
		if len(p.history) > maxHistory {
			p.history = p.history[1:]
		}
	}
	p.recall, p.draft = len(p.history), nil
}

// browse shows an earlier or a later line.
func (p *Prompt) browse(k key) {
	to := p.recall + 1
	if k == keyUp {
		to = p.recall - 1
	}
	if to < 0 || to > len(p.history) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recall == len(p.history) {
		p.draft = append([]rune(nil), p.line...)
	}
	p.recall = to
	p.line = append(p.line[:0], p.draft...)
	if to < len(p.history) {
		p.line = append(p.line[:0], []rune(p.history[to])...)
	}
	p.cursor = len(p.line)
	p.redraw()
}

// redraw shows the line after a change; p.mu is held.
func (p *Prompt) redraw() {
	if p.shown {
		io.WriteString(p.out, p.render())
	}
}

// render returns what shows lead and the part of the line around the cursor in
// one row; p.mu is held.
func (p *Prompt) render() string {
	room := max(p.columns()-p.width-1, 8) // the last column stays free: a full row would wrap
	from := 0
	for columns(p.line[from:p.cursor]) > room {
		from++
	}
	to := p.cursor
	for to < len(p.line) && columns(p.line[from:to+1]) <= room {
		to++
	}
	var b strings.Builder
	b.WriteString("\r" + p.lead)
	for _, r := range p.line[from:to] {
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	b.WriteString("\x1b[K")
	for range columns(p.line[p.cursor:to]) {
		b.WriteByte('\b')
	}
	return b.String()
}

// columns is how wide a terminal shows line.
func columns(line []rune) int {
	n := 0
	for _, r := range line {
		n += runeColumns(r)
	}
	return n
}

// runeColumns is 0 for combining marks, 2 for the wide scripts and emoji, and
// 1 for all others. It is an approximation: no two terminals agree on all.
func runeColumns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) || r == '\u200d':
		return 0
	case unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hangul, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r),
		r >= 0xFF01 && r <= 0xFF60, r >= 0x1F300 && r <= 0x1FAFF:
		return 2
	}
	return 1
}
