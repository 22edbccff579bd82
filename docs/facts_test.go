package docs

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var factsLine = regexp.MustCompile(`(?m)^FACTS = (.+)$`)

// checkFacts complains of tests that no target runs: those that leave themselves out of builds with -race and with
// -tags invariants, and whose names are not among those that `make test-facts` runs.
func checkFacts(tree fs.FS) []string {
	makefile, err := fs.ReadFile(tree, "Makefile")
	if err != nil {
		return []string{err.Error()}
	}
	line := factsLine.FindSubmatch(makefile)
	if line == nil {
		return []string{"the Makefile has no FACTS"}
	}
	run, err := regexp.Compile(string(line[1]))
	if err != nil {
		return []string{err.Error()}
	}
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, dir := range sorted(found) {
		s := found[dir]
		for _, name := range sorted(s.tests) {
			if !leftOut(s.tests[name]) {
				continue
			}
			for _, decl := range s.tests[name].Decls {
				d, isFunc := decl.(*ast.FuncDecl)
				if isFunc && strings.HasPrefix(d.Name.Name, "Test") && !run.MatchString(d.Name.Name) {
					complaints = append(complaints, fmt.Sprintf("%s: no target runs %s: it is in no build with -race or invariants, and not among FACTS", s.at(d.Pos()), d.Name.Name))
				}
			}
		}
	}
	return complaints
}

// leftOut says whether a file is in neither the build with -race nor the one with -tags invariants.
func leftOut(file *ast.File) bool {
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() > file.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				return false
			}
			for _, others := range []bool{true, false} { // the tags of systems, which are not the point
				in := func(build string) bool {
					return expr.Eval(func(tag string) bool {
						return tag == build || others && tag != "race" && tag != "invariants"
					})
				}
				if in("") && !in("race") && !in("invariants") {
					return true
				}
			}
		}
	}
	return false
}

func TestFacts(t *testing.T) { report(t, checkFacts(repository(t))) }

func TestFactsCanFail(t *testing.T) {
	mustComplain(t, checkFacts(tree(
		"Makefile", "GO = go\nFACTS = Alloc|Size\n",
		"pool/alloc_test.go", "//go:build !race && !invariants\n\npackage pool\n\nfunc TestAllocs() {}\nfunc TestSpeed() {}\n",
		"pool/race_test.go", "//go:build !race\n\npackage pool\n\nfunc TestOrder() {}\n",
		"pool/unix_test.go", "//go:build !windows\n\npackage pool\n\nfunc TestUnix() {}\n",
		"pool/linux_test.go", "//go:build linux && !race && !invariants\n\npackage pool\n\nfunc TestLinux() {}\n",
		"pool/p_test.go", "package pool\n\nfunc TestAll() {}\n",
	)), "pool/alloc_test.go:6: no target runs TestSpeed", "pool/linux_test.go:5: no target runs TestLinux")
}
