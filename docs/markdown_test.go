package docs

import (
	"regexp"
	"strings"
	"testing"
)

// rows returns the cells of the table whose header row has these cells, or nil when the text has no such table.
func rows(text string, header ...string) [][]string {
	var table [][]string
	inside := false
	for line := range strings.Lines(text) {
		got := cells(line)
		switch {
		case got == nil:
			if inside {
				return table
			}
		case inside:
			if !strings.HasPrefix(got[0], "---") {
				table = append(table, got)
			}
		default:
			inside = strings.Join(got, "|") == strings.Join(header, "|")
		}
	}
	return table
}

// allRows returns the cells of every table with such a header.
func allRows(text string, header ...string) [][]string {
	var all [][]string
	head := "| " + strings.Join(header, " | ") + " |\n"
	for _, after := range strings.Split(text, head)[1:] {
		all = append(all, rows(head+after, header...)...)
	}
	return all
}

// cells splits a table's line. A bar in a cell is written \|.
func cells(line string) []string {
	line = strings.TrimSpace(line)
	if len(line) < 2 || line[0] != '|' || line[len(line)-1] != '|' {
		return nil
	}
	line = strings.ReplaceAll(line[1:len(line)-1], `\|`, "\x00")
	out := strings.Split(line, "|")
	for i := range out {
		out[i] = strings.TrimSpace(strings.ReplaceAll(out[i], "\x00", "|"))
	}
	return out
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// code returns what stands between backquotes.
func code(cell string) []string {
	var spans []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		spans = append(spans, m[1])
	}
	return spans
}

func TestRows(t *testing.T) {
	const text = "# T\n\n| a | b |\n|---|---|\n| `x` | 1 \\| 2 |\n| y | `p`, `q` |\n\n| a | b |\n|---|---|\n| z | |\n"
	first := rows(text, "a", "b")
	if len(first) != 2 || first[0][1] != "1 | 2" || strings.Join(code(first[1][1]), "+") != "p+q" {
		t.Errorf("got %q, want two rows of the first table", first)
	}
	if all := allRows(text, "a", "b"); len(all) != 3 || all[2][0] != "z" {
		t.Errorf("got %q, want the rows of both tables", all)
	}
	if none := rows(text, "a", "c"); none != nil {
		t.Errorf("got %q, want no table", none)
	}
}
