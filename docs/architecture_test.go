package docs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed is the import table of architecture.md: for each package, the imports that it may have besides the standard
// library. A name that begins with a host is another module's; every other is a package of ours, below the module's path.
type allowed map[string][]string

// importTable reads the table out of the document.
func importTable(text string) allowed {
	table := allowed{}
	for _, row := range rows(text, "package", "one sentence", "may import") {
		for _, dir := range code(row[0]) {
			table[dir] = code(row[2])
		}
	}
	return table
}

// permits says whether the package in dir may import the path.
func (a allowed) permits(dir, target string) bool {
	first, _, _ := strings.Cut(target, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	for _, pattern := range a[dir] {
		if !strings.Contains(strings.SplitN(pattern, "/", 2)[0], ".") {
			pattern = module + "/" + pattern
		}
		if prefix, tree := strings.CutSuffix(pattern, "/..."); tree && strings.HasPrefix(target, prefix+"/") || target == pattern {
			return true
		}
	}
	return false
}

// checkImports holds the tree to the import table, both ways.
func checkImports(tree fs.FS, table allowed) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, dir := range sorted(found) {
		if _, named := table[dir]; !named {
			complaints = append(complaints, fmt.Sprintf("package %s is not in the import table", dir))
			continue
		}
		imports := found[dir].imports()
		for _, target := range sorted(imports) {
			if !table.permits(dir, target) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, which the import table does not allow %s", imports[target], target, dir))
			}
		}
	}
	for _, dir := range sorted(table) {
		if found[dir] == nil {
			complaints = append(complaints, fmt.Sprintf("the import table names %s, and there is no such package", dir))
		}
	}
	return complaints
}

func TestImports(t *testing.T) {
	table := importTable(read(t, repository(t), "docs/architecture.md"))
	if len(table) == 0 {
		t.Fatal("architecture.md has no import table")
	}
	report(t, checkImports(repository(t), table))
}

func TestImportsCanFail(t *testing.T) {
	table := importTable(`
| package | one sentence | may import |
|---|---|---|
| ` + "`leaf`" + ` | A leaf. | ` + "`example.org/wire`, `example.org/big/pkg/...`" + ` |
| ` + "`top`" + ` | The top. | ` + "`leaf`, `top/internal/...`" + ` |
| ` + "`gone`" + ` | Not built. | the standard library |
`)
	mustComplain(t, checkImports(tree(
		"leaf/ok.go", `package leaf; import ("fmt"; "example.org/wire"; "example.org/big/pkg/netpoll")`,
		"leaf/root.go", `package leaf; import "example.org/big"`,
		"leaf/sub.go", `package leaf; import "example.org/wire/inner"`,
		"leaf/up_windows.go", "//go:build windows\n\npackage leaf; import \""+module+"/top\"",
		"leaf/a_test.go", `package leaf; import "example.org/test/only"`,
		"leaf/testdata/b.go", `package b; import "example.org/test/data"`,
		"top/ok.go", `package top; import ("`+module+`/leaf"; "`+module+`/top/internal/x")`,
		"top/internal/x/x.go", `package x`,
		"peers/go.mod", "module peers",
		"peers/p.go", `package peers; import "example.org/rival"`,
	), table),
		"leaf/root.go imports example.org/big, which the import table does not allow leaf",
		"leaf/sub.go imports example.org/wire/inner",
		"leaf/up_windows.go imports "+module+"/top",
		"package top/internal/x is not in the import table",
		"the import table names gone, and there is no such package",
	)
}

// checkDoors holds each module from outside to the packages that the document names as its doors.
func checkDoors(tree fs.FS, text string) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	users := map[string][]string{}
	for _, dir := range sorted(found) {
		for _, target := range sorted(found[dir].imports()) {
			if first, _, _ := strings.Cut(target, "/"); strings.Contains(first, ".") && !strings.HasPrefix(target, module+"/") {
				users[target] = append(users[target], dir)
			}
		}
	}
	declared := map[string][]string{}
	for _, row := range rows(text, "module", "doors", "what for") {
		declared[code(row[0])[0]] = code(row[1])
	}
	actual := map[string][]string{}
	var complaints []string
	for _, target := range sorted(users) {
		home := longest(declared, target)
		if home == "" {
			complaints = append(complaints, fmt.Sprintf("%s is imported by %s and is in no row of the doors", target, strings.Join(users[target], ", ")))
		}
		actual[home] = append(actual[home], users[target]...)
	}
	for _, home := range sorted(declared) {
		slices.Sort(actual[home])
		got, want := slices.Compact(actual[home]), slices.Sorted(slices.Values(declared[home]))
		if !slices.Equal(got, want) {
			complaints = append(complaints, fmt.Sprintf("the doors of %s are %q, and the document says %q", home, got, want))
		}
	}
	return complaints
}

// longest finds the module that a path belongs to.
func longest(modules map[string][]string, target string) string {
	best := ""
	for m := range modules {
		if (target == m || strings.HasPrefix(target, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

func TestDoors(t *testing.T) {
	report(t, checkDoors(repository(t), read(t, repository(t), "docs/architecture.md")))
}

func TestDoorsCanFail(t *testing.T) {
	const text = "| module | doors | what for |\n|---|---|---|\n| `example.org/a` | `leaf` | x |\n| `example.org/b` | `leaf` | y |\n"
	mustComplain(t, checkDoors(tree(
		"leaf/l.go", `package leaf; import ("example.org/a/sub"; "example.org/c")`,
		"top/t.go", `package top; import ("example.org/a"; "`+module+`/leaf")`,
	), text),
		"example.org/c is imported by leaf and is in no row",
		`the doors of example.org/a are ["leaf" "top"], and the document says ["leaf"]`,
		`the doors of example.org/b are [], and the document says ["leaf"]`,
	)
}

// topLevel is all that may lie at the top, besides names that begin with a dot and what .gitignore names.
var topLevel = []string{
	"go.mod", "go.sum", "engine", "codec", "poller", "pool", "bench", "cmd", "docs",
	"Makefile", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md",
}

// checkTop complains of entries of the top directory that have no place there.
func checkTop(tree fs.FS) []string {
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return []string{err.Error()}
	}
	ignored, err := fs.ReadFile(tree, ".gitignore")
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, e := range entries {
		if e.Name()[0] != '.' && !slices.Contains(topLevel, e.Name()) && !ignores(string(ignored), e) {
			complaints = append(complaints, fmt.Sprintf("%s does not belong at the top level", e.Name()))
		}
	}
	return complaints
}

// ignores says whether a line of .gitignore names an entry of the top directory.
func ignores(lines string, e fs.DirEntry) bool {
	for line := range strings.Lines(lines) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "/")
		pattern, directory := strings.CutSuffix(line, "/")
		if hit, err := path.Match(pattern, e.Name()); err == nil && hit && (!directory || e.IsDir()) {
			return true
		}
	}
	return false
}

func TestTopLevel(t *testing.T) { report(t, checkTop(repository(t))) }

func TestTopLevelCanFail(t *testing.T) {
	mustComplain(t, checkTop(tree(
		".gitignore", "/bin/\n*.prof\n", ".ci/run", "", "go.mod", "", "engine/e.go", "", "bin/weir", "", "cpu.prof", "",
		"utils/u.go", "", "weir.go", "",
	)), "utils does not", "weir.go does not")
}
