package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/weirws/weir/cmd/weir/internal/spelling"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Place Place
	// Path is the key's: "topics[1].on_slow". It is empty for what concerns the
	// whole file.
	Path string
	// What says what is wrong, beginning in lower case, without a full stop.
	What string
	// Near is the word that was meant, if there is a near one.
	Near string
}

// String is one line: where, which key, what, and the nearest right word.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Place.String())
	if f.Path != "" {
		b.WriteString(" " + oneLine(f.Path))
	}
	b.WriteString(": " + f.What)
	if f.Near != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", f.Near)
	}
	return b.String()
}

// oneLine is a path as it is, unless a key that somebody wrote has line breaks or
// the like in it.
func oneLine(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}

// MarshalJSON has a field for each part.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Source string `json:"source,omitempty"`
		Line   int    `json:"line,omitempty"`
		Column int    `json:"column,omitempty"`
		Path   string `json:"path,omitempty"`
		What   string `json:"what"`
		Near   string `json:"near,omitempty"`
	}{f.Place.Source, f.Place.Line, f.Place.Column, f.Path, f.What, f.Near})
}

// Faults are all that is wrong with a configuration, in the order of the file.
type Faults []Fault

// Error is a line for each.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// sort puts those of the file first, in its order.
func (fs Faults) sort() {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		inFile := func(f Fault) int {
			if f.Place.Line > 0 {
				return 0
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(inFile(a), inFile(b)),
			cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Column, b.Place.Column),
		)
	})
}

// misfit is why a text is no value of a key.
type misfit struct{ what, near string }

func (m *misfit) Error() string { return m.what }

// misfitf makes a misfit without a near word.
func misfitf(format string, args ...any) *misfit { return &misfit{what: fmt.Sprintf(format, args...)} }

// oneOf is about a word that is none of words.
func oneOf(word string, words []string) *misfit {
	near, _ := spelling.Nearest(word, words)
	return &misfit{fmt.Sprintf("%q is not one of %s", word, strings.Join(words, ", ")), near}
}
