package prompt

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func eighty() int { return 80 }

// TestReadLine types keys and looks at the lines that come of them.
func TestReadLine(t *testing.T) {
	const (
		left, right, up, down = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
		home, end, del        = "\x1b[H", "\x1bOF", "\x1b[3~"
	)
	for _, test := range []struct {
		name, keys string
		want       []string
	}{
		{"a line", "hello\r", []string{"hello"}},
		{"two lines at once", "a\nb\n", []string{"a", "b"}},
		{"backspace", "helloo\x7f\r", []string{"hello"}},
		{"backspace at the beginning", "\x7fa\r", []string{"a"}},
		{"insert", "hllo" + left + left + left + "e\r", []string{"hello"}},
		{"delete", "hxello" + home + right + del + "\r", []string{"hello"}},
		{"delete at the end", "a" + del + "\r", []string{"a"}},
		{"home and end", "ello" + home + "h" + end + "!\r", []string{"hello!"}},
		{"Ctrl-A, Ctrl-E", "b\x01a\x05c\r", []string{"abc"}},
		{"Ctrl-U", "abc" + left + "\x15\r", []string{"c"}},
		{"Ctrl-K", "abc" + left + "\x0b\r", []string{"ab"}},
		{"Ctrl-W", "one two  \x17\r", []string{"one "}},
		{"Ctrl-D deletes", "abc\x01\x04\r", []string{"bc"}},
		{"UTF-8", "ä€😀" + left + "x\r", []string{"ä€x😀"}},
		{"not UTF-8", "a\xffb\r", []string{"ab"}},
		{"a tab", "a\tb\r", []string{"a\tb"}},
		{"unknown sequences", "a\x1b[15~\x1bxb\x1b[1;5C\r", []string{"ab"}},
		{"history", "one\rtwo\r" + up + up + "!\r", []string{"one", "two", "one!"}},
		{"history and back", "one\rtw" + up + down + "o\r", []string{"one", "two"}},
		{"history has no more", "one\r" + up + up + up + "\r" + down + "x\r", []string{"one", "one", "x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New(strings.NewReader(test.keys), io.Discard, "> ", 2, eighty)
			for _, want := range test.want {
				got, err := p.ReadLine()
				if err != nil || got != want {
					t.Fatalf("got %q, %v, want %q", got, err, want)
				}
			}
			if got, err := p.ReadLine(); err != io.EOF {
				t.Errorf("behind the last: got %q, %v, want io.EOF", got, err)
			}
		})
	}
}

func TestReadLineEnds(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		want       error
	}{
		{"Ctrl-C", "abc\x03", ErrInterrupted},
		{"Ctrl-D", "\x04", io.EOF},
		{"the input ends", "abc", io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New(strings.NewReader(test.keys), io.Discard, "> ", 2, eighty)
			if got, err := p.ReadLine(); !errors.Is(err, test.want) {
				t.Errorf("got %q, %v, want %v", got, err, test.want)
			}
		})
	}
}

// TestPrint lets output appear while a line is being typed: screen plays the
// terminal.
func TestPrint(t *testing.T) {
	keys, typed := io.Pipe()
	var s screen
	p := New(keys, &s, "> ", 2, eighty)
	lines := make(chan string)
	go func() { // ends when the line is read
		line, _ := p.ReadLine()
		lines <- line
	}()
	for _, c := range "hel" {
		typed.Write([]byte(string(c)))
	}
	typed.Write([]byte{0}) // a key without effect: those before it are through
	p.Print("< news\n")
	if got, want := s.String(), "< news\n> hel"; got != want {
		t.Errorf("while typing: got %q, want %q", got, want)
	}
	typed.Write([]byte("lo\r"))
	if got := <-lines; got != "hello" {
		t.Errorf("got %q, want hello", got)
	}
	p.Print("> hello\n")
	p.Close()
	p.Print("bye\n")
	if got, want := s.String(), "< news\n> hello\nbye\n"; got != want {
		t.Errorf("at the end: got %q, want %q", got, want)
	}
}

// TestLongLine is one that does not fit in a row: the part around the cursor
// is shown, and never so much that the terminal would wrap.
func TestLongLine(t *testing.T) {
	for _, test := range []struct{ name, keys, want string }{
		{"at the end", strings.Repeat("a", 30) + "z", "> aaaaaaaaaaaaaaaaz"},
		{"at the beginning", "z" + strings.Repeat("a", 30) + "\x01", "> zaaaaaaaaaaaaaaaa"},
		{"wide", strings.Repeat("漢", 30), "> 漢漢漢漢漢漢漢漢"},
		{"control characters", "a\tb", "> a\uFFFDb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s screen
			p := New(strings.NewReader(""), &s, "> ", 2, func() int { return 20 })
			p.shown = true
			keys := New(strings.NewReader(test.keys), nil, "", 0, nil).in
			for {
				k, r, err := readKey(keys)
				if err != nil {
					break
				}
				p.edit(k, r)
			}
			if got := s.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// screen is a terminal that knows what Prompt uses.
type screen struct {
	above string
	row   []rune
	at    int
}

func (s *screen) Write(b []byte) (int, error) {
	text := []rune(string(b))
	for i := 0; i < len(text); i++ {
		switch r := text[i]; r {
		case '\r':
			s.at = 0
		case '\n':
			s.above += string(s.row) + "\n"
			s.row, s.at = nil, 0
		case '\b':
			s.at--
		case 0x1b:
			i += 2 // only ESC [ K is used here
			s.row = s.row[:min(s.at, len(s.row))]
		default:
			s.row = append(s.row[:s.at], append([]rune{r}, s.row[min(s.at+1, len(s.row)):]...)...)
			s.at++
		}
	}
	return len(b), nil
}

func (s *screen) String() string { return s.above + string(s.row) }
