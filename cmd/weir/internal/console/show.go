package console

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/weirws/weir/cmd/weir/internal/prompt"
	"github.com/weirws/weir/engine"
)

// shownBytes bounds what a screen shows of a binary message without --hex.
const shownBytes = 64

// The colours, by the numbers of ECMA-48.
const (
	green = "32"
	cyan  = "36"
	dim   = "2"
)

// show writes what the user gets to see. Its methods may be called from any
// goroutine.
type show struct {
	o      Options
	prompt *prompt.Prompt // nil without one

	mu       sync.Mutex // guards writes to o.Out and o.Notes without a prompt
	restored sync.Once
}

func newShow(o Options) *show {
	s := &show{o: o}
	if o.Raw != nil {
		s.prompt = prompt.New(o.In, o.Out, s.paint(green, "> "), 2, o.Raw.Columns)
	}
	return s
}

// paint colours text where colours are shown.
func (s *show) paint(colour, text string) string {
	if !s.o.Colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// received shows a message. In a pipe it is the message and a line feed.
func (s *show) received(m engine.Message) {
	text := s.text(m)
	if !s.o.Screen {
		s.write(s.o.Out, text+"\n")
		return
	}
	if s.o.Bare {
		s.write(s.o.Out, harmless(text)+"\n")
		return
	}
	text = strings.ReplaceAll(harmless(text), "\n", "\n  ")
	s.write(s.o.Out, s.paint(cyan, "< ")+text+"\n")
}

// text is what of a message is shown.
func (s *show) text(m engine.Message) string {
	switch {
	case m.Kind == engine.Text, s.o.Binary && !s.o.Hex:
		return string(m.Data)
	case !s.o.Screen:
		return hex.EncodeToString(m.Data)
	case s.o.Hex:
		return fmt.Sprintf("% x", m.Data)
	case len(m.Data) > shownBytes:
		return fmt.Sprintf("% x … (binary, %d bytes)", m.Data[:shownBytes], len(m.Data))
	}
	return fmt.Sprintf("% x (binary, %d bytes)", m.Data, len(m.Data))
}

// sent shows a line that was sent, where the terminal itself did not.
func (s *show) sent(text string) {
	if s.prompt != nil {
		s.prompt.Print(s.paint(green, "> ") + harmless(text) + "\n")
	}
}

// note tells something that is no message.
func (s *show) note(text string) {
	if s.o.Screen {
		s.write(s.o.Notes, s.paint(dim, harmless(text))+"\n")
		return
	}
	s.write(s.o.Notes, "weir: "+harmless(text)+"\n")
}

// write writes a line; errors of a terminal or a pipe that is gone have nobody
// to be told to.
func (s *show) write(w io.Writer, text string) {
	if s.prompt != nil {
		s.prompt.Print(text)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(w, text)
}

// close takes the prompt off the screen and leaves raw mode.
func (s *show) close() {
	if s.prompt != nil {
		s.prompt.Close()
		s.restored.Do(s.o.Raw.Restore)
	}
}

// harmless shows control characters and bytes that are no UTF-8 as escapes:
// what a server sends does not steer the user's terminal.
func harmless(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n' || r == '\t' || !unicode.IsControl(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\x%02x`, r)
		}
	}
	return b.String()
}
