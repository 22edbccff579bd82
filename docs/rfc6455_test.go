package docs

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// musts is how often the word MUST stands in each section of RFC 6455, MUST NOT included: the rows of a section quote
// that many, so that none is left out.
var musts = map[string]int{
	"4.1": 39, "4.2.1": 1, "4.2.2": 10, "4.3": 1, "4.4": 1,
	"5.1": 4, "5.2": 10, "5.3": 4, "5.4": 10, "5.5": 2, "5.5.1": 6, "5.5.2": 1, "5.5.3": 0, "5.6": 1, "5.8": 1,
	"6.1": 8, "6.2": 5,
	"7.1.1": 0, "7.1.2": 1, "7.1.5": 0, "7.1.7": 3, "7.2.1": 2, "7.2.2": 1, "7.4.1": 3, "7.4.2": 0,
}

var mustWord = regexp.MustCompile(`\bMUST\b`)

// checkRequirements holds the rows of rfc6455.md to the RFC's sections and to the tests that exist: a row names a test,
// or gives its reason for having none.
func checkRequirements(tree fs.FS, text string, musts map[string]int) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	quoted := map[string]int{}
	seen := map[string]bool{}
	for _, row := range allRows(text, "section", "requirement", "test, or why there is none") {
		section, quote, proof := row[0], row[1], row[2]
		if _, known := musts[section]; !known {
			complaints = append(complaints, fmt.Sprintf("section %s is none of those that the document covers", section))
			continue
		}
		if seen[section+quote] {
			complaints = append(complaints, fmt.Sprintf("%s %q stands twice", section, quote))
		}
		seen[section+quote] = true
		quoted[section] += len(mustWord.FindAllString(quote, -1))
		complaints = append(complaints, checkProof(found, section+" "+strconv.Quote(quote), proof)...)
	}
	for _, section := range sorted(musts) {
		if quoted[section] != musts[section] {
			complaints = append(complaints, fmt.Sprintf("section %s says MUST %d times, and its rows quote %d", section, musts[section], quoted[section]))
		}
	}
	return complaints
}

// checkProof looks at a row's last cell: names of tests between backquotes, or a reason of some words after "None:".
func checkProof(found map[string]*source, row, proof string) []string {
	if why, none := strings.CutPrefix(proof, "None:"); none {
		if len(strings.Fields(why)) < 4 {
			return []string{row + " has neither a test nor a reason"}
		}
		return nil
	}
	names := code(proof)
	if len(names) == 0 {
		return []string{row + " has neither a test nor a reason"}
	}
	var complaints []string
	for _, name := range names {
		if !exists(found, name) {
			complaints = append(complaints, fmt.Sprintf("%s names %s, which does not exist", row, name))
		}
	}
	return complaints
}

// exists says whether there is such a test: package.TestName, or package.TestName/row for a row that has its name as a
// string in the package's tests.
func exists(found map[string]*source, name string) bool {
	dot := strings.LastIndex(name, ".Test")
	if fuzz := strings.LastIndex(name, ".Fuzz"); dot < 0 {
		dot = fuzz
	}
	if dot < 0 || found[name[:dot]] == nil {
		return false
	}
	test, row, _ := strings.Cut(name[dot+1:], "/")
	declared, spelled := false, row == ""
	for _, file := range found[name[:dot]].tests {
		ast.Inspect(file, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncDecl:
				declared = declared || x.Recv == nil && x.Name.Name == test
			case *ast.BasicLit:
				spelled = spelled || x.Kind == token.STRING && rowName(x.Value) == row
			}
			return true
		})
	}
	return declared && spelled
}

// rowName is a string literal as the name of a subtest.
func rowName(literal string) string {
	s, err := strconv.Unquote(literal)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(s, " ", "_")
}

func TestRequirements(t *testing.T) {
	text := read(t, repository(t), "docs/rfc6455.md")
	report(t, checkRequirements(repository(t), text, musts))
}

func TestRequirementsCanFail(t *testing.T) {
	const text = `
| section | requirement | test, or why there is none |
|---|---|---|
| 5.1 | a client MUST mask | ` + "`codec.TestMask`, `codec.TestMask/all_frames`" + ` |
| 5.1 | a client MUST mask | ` + "`codec.FuzzMask`" + ` |
| 5.1 | MUST close, and it MUST NOT wait | ` + "`codec.TestGone`" + ` |
| 5.2 | no extension | None: no extension is negotiated in this part |
| 9.9 | no such section | None: no such section at all |

Prose between the tables.

| section | requirement | test, or why there is none |
|---|---|---|
| 5.2 | RSV MUST be 0 | ` + "`codec.TestMask/no_such_row`" + ` |
| 5.2 | opcode | |
| 5.2 | length | None: later |
`
	mustComplain(t, checkRequirements(tree(
		"codec/m_test.go", `package codec; func TestMask(t *T) { t.Run("all frames", nil) }; func FuzzMask() {}; func (x X) TestGone() {}`,
	), text, map[string]int{"5.1": 4, "5.2": 2}),
		`"a client MUST mask" stands twice`,
		"names codec.TestGone, which does not exist",
		"section 9.9 is none of those",
		"names codec.TestMask/no_such_row, which does not exist",
		`"opcode" has neither`,
		`"length" has neither`,
		"section 5.2 says MUST 2 times, and its rows quote 1",
	)
}
