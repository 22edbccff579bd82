package docs

import (
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostileLines says of the plan's lines which must have a row: all but those of clusters and of handing over.
func hostileLines() map[int]bool {
	lines := map[int]bool{}
	for n := 1; n <= 82; n++ {
		lines[n] = n != 71 && n != 72 && (n < 77 || n > 81)
	}
	return lines
}

// checkReliability holds the rows of reliability.md to the plan's lines, and to the tests that exist.
func checkReliability(tree fs.FS, text string) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	want, named := hostileLines(), map[int][]string{}
	for _, row := range rows(text, "line", "what happens", "tests") {
		n, err := strconv.Atoi(row[0])
		if err != nil || !want[n] {
			complaints = append(complaints, fmt.Sprintf("line %s is none of the plan's, or stands twice", row[0]))
			continue
		}
		want[n] = false
		complaints = append(complaints, checkProof(found, "line "+row[0], row[2])...)
		named[n] = code(row[2])
	}
	complaints = append(complaints, unnamed(found, named)...)
	for n := 1; n <= 82; n++ {
		if want[n] {
			complaints = append(complaints, fmt.Sprintf("line %d has no row", n))
		}
	}
	return complaints
}

var hostileTest = regexp.MustCompile(`^TestHostile0?(\d+)[A-Z]`)

// unnamed complains of tests that are named after a line and do not stand in its row.
func unnamed(found map[string]*source, named map[int][]string) (complaints []string) {
	for _, dir := range sorted(found) {
		for _, name := range sorted(found[dir].tests) {
			for _, decl := range found[dir].tests[name].Decls {
				d, isFunc := decl.(*ast.FuncDecl)
				if !isFunc {
					continue
				}
				m := hostileTest.FindStringSubmatch(d.Name.Name)
				if m == nil {
					continue
				}
				n, _ := strconv.Atoi(m[1]) // digits
				if proof := dir + "." + d.Name.Name; !slices.Contains(named[n], proof) {
					complaints = append(complaints, fmt.Sprintf("line %d does not name %s", n, proof))
				}
			}
		}
	}
	return complaints
}

func TestReliability(t *testing.T) {
	tree := repository(t)
	for _, c := range checkReliability(tree, read(t, tree, "docs/reliability.md")) {
		t.Error(c)
	}
}

func TestReliabilityComplains(t *testing.T) {
	small := tree("engine/a_test.go", "package engine\nfunc TestA(t *testing.T) {}\nfunc TestHostile02X(t *testing.T) {}\n")
	text := "| line | what happens | tests |\n|---|---|---|\n| 1 | x | `engine.TestA` |\n| 2 | x | `engine.TestB` |\n| 71 | x | `engine.TestA` |\n| 1 | x | `engine.TestA` |\n"
	got := strings.Join(checkReliability(small, text), "\n")
	for _, want := range []string{"line 2 names engine.TestB", "line 71 is none", "line 1 is none", "line 3 has no row", "line 2 does not name engine.TestHostile02X"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%.500s", want, got)
		}
	}
}
