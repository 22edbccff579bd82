package main_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// screen is what a terminal of 24 lines of 80 columns shows of all that was
// written to it: as much of ECMA-48 as weir top uses.
func (term *terminal) screen() string {
	s := newScreen()
	s.write(term.raw())
	return s.String()
}

// wantScreen waits until the screen matches pattern.
func (term *terminal) wantScreen(pattern string) {
	term.t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); !re.MatchString(term.screen()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			term.t.Fatalf("%q is never shown:\n%s", pattern, term.screen())
		}
	}
}

// wantRaw waits until text is among all that was written, as it is.
func (term *terminal) wantRaw(text string) {
	term.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(term.raw(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			term.t.Fatalf("%q is never written:\n%q", text, term.raw())
		}
	}
}

type screen struct {
	cells    [24][80]rune
	row, col int
	last     rune
}

func newScreen() *screen {
	s := new(screen)
	s.erase(0, 0, 23, 79)
	return s
}

// String is the screen's lines, without the blanks behind them.
func (s *screen) String() string {
	var lines []string
	for _, row := range s.cells {
		lines = append(lines, strings.TrimRight(string(row[:]), " "))
	}
	return strings.Join(lines, "\n")
}

// erase blanks what is between two places, the last included.
func (s *screen) erase(row, col, toRow, toCol int) {
	for at := row*80 + col; at <= toRow*80+toCol; at++ {
		s.cells[at/80][at%80] = ' '
	}
}

// control is a control sequence: its private mark, its numbers, its end.
var control = regexp.MustCompile(`^\x1b(?:\[([<=>?]?)([0-9;:]*)[ -/]*([@-~])|[()#].|.)`)

func (s *screen) write(text string) {
	for text != "" {
		if m := control.FindStringSubmatch(text); m != nil {
			if m[1] == "" && m[3] != "" {
				s.control(m[2], m[3])
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text[:min(len(text), 8)])[0]
		text = text[len(string(r)):]
		switch r {
		case '\r':
			s.col = 0
		case '\n':
			s.row = min(s.row+1, 23)
		case '\b':
			s.col = max(s.col-1, 0)
		case '\t':
			s.col = min(s.col/8*8+8, 79)
		default:
			s.put(r)
		}
	}
}

func (s *screen) put(r rune) {
	if r < ' ' {
		return
	}
	s.cells[s.row][min(s.col, 79)] = r
	s.col, s.last = min(s.col+1, 80), r
}

// control does what a sequence says.
func (s *screen) control(numbers, end string) {
	var args [2]int
	for i, word := range strings.SplitN(numbers, ";", 3) {
		if i < 2 {
			args[i], _ = strconv.Atoi(word) // an empty one is 0
		}
	}
	n, within := max(args[0], 1), func(x, most int) int { return max(min(x, most), 0) }
	switch end {
	case "H", "f":
		s.row, s.col = within(n-1, 23), within(args[1]-1, 79)
	case "d":
		s.row = within(n-1, 23)
	case "G", "`":
		s.col = within(n-1, 79)
	case "A":
		s.row = within(s.row-n, 23)
	case "B":
		s.row = within(s.row+n, 23)
	case "C":
		s.col = within(s.col+n, 79)
	case "D":
		s.col = within(s.col-n, 79)
	case "K":
		from, to := [3]int{s.col, 0, 0}[args[0]], [3]int{79, s.col, 79}[args[0]]
		s.erase(s.row, min(from, 79), s.row, min(to, 79))
	case "J":
		if args[0] == 2 {
			s.erase(0, 0, 23, 79)
		} else {
			s.erase(s.row, min(s.col, 79), 23, 79)
		}
	case "X":
		s.erase(s.row, s.col, s.row, min(s.col+n, 80)-1)
	case "P":
		line := s.cells[s.row][:]
		copy(line[s.col:], line[min(s.col+n, 80):])
		s.erase(s.row, max(80-n, s.col), s.row, 79)
	case "@":
		line := s.cells[s.row][:]
		copy(line[min(s.col+n, 80):], line[s.col:])
		s.erase(s.row, s.col, s.row, min(s.col+n, 80)-1)
	case "b":
		for range n {
			s.put(s.last)
		}
	}
}

func TestScreen(t *testing.T) {
	s := newScreen()
	s.write("abc\r\nxyz\x1b[1;2HB\x1b[2d\x1b[1GX\x1b[P\x1b[3;1Hlong\x1b[2D\x1b[K\x1b[?25l\x1b[1mé\x1b[0m\x1b[24;1Hfoot\x1b[1;5H\x1b[3b")
	lines := strings.Split(s.String(), "\n")
	if lines[0] != "aBc ttt" || lines[1] != "Xz" || lines[2] != "loé" || lines[23] != "foot" {
		t.Errorf("got %q", lines)
	}
}
