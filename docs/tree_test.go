// Package docs holds the prose about Weir, and the tests that keep the tree and the prose true to each other.
//
// The checks are functions of a file system, so that each of them is also run on a small tree that breaks its rule.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// module is the path that every import of our own begins with.
const module = "github.com/weirws/weir"

// repository is the tree that the documents speak of.
func repository(t *testing.T) fs.FS {
	t.Helper()
	root := os.DirFS("..")
	if _, err := fs.Stat(root, "go.mod"); err != nil {
		t.Fatalf("the module's root is not above docs: %v", err)
	}
	return root
}

// read returns a file's text.
func read(t *testing.T, tree fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tree builds a file system out of name, text pairs.
func tree(files ...string) fs.FS {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return m
}

// source is one directory with Go files, whatever systems and tags they build for.
type source struct {
	dir   string // below the module's root, with slashes
	name  string // the package's, without _test
	fset  *token.FileSet
	files map[string]*ast.File // those that are no tests, by path
	tests map[string]*ast.File
}

// sources reads every package of the module in tree. Nested modules, testdata and hidden directories are not the module's.
func sources(tree fs.FS) (map[string]*source, error) {
	found := map[string]*source{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && !ours(tree, name) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		return found[path.Dir(name)].add(found, tree, name)
	})
	return found, err
}

// ours says whether a directory belongs to the module.
func ours(tree fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_' {
		return false
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err != nil
}

// add parses one file into its package, which s is unless the file is the first of it.
func (s *source) add(found map[string]*source, tree fs.FS, name string) error {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	if s == nil {
		s = &source{dir: path.Dir(name), fset: token.NewFileSet(), files: map[string]*ast.File{}, tests: map[string]*ast.File{}}
		found[s.dir] = s
	}
	file, err := parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.name = strings.TrimSuffix(file.Name.Name, "_test")
	if strings.HasSuffix(name, "_test.go") {
		s.tests[name] = file
	} else {
		s.files[name] = file
	}
	return nil
}

// imports lists what the package imports outside of its tests, each with a file that does.
func (s *source) imports() map[string]string {
	paths := map[string]string{}
	for _, name := range sorted(s.files) {
		for _, spec := range s.files[name].Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				panic("docs: the parser let through the import " + spec.Path.Value)
			}
			if _, seen := paths[target]; !seen {
				paths[target] = name
			}
		}
	}
	return paths
}

// at is a position as file:line.
func (s *source) at(p token.Pos) string {
	position := s.fset.Position(p)
	return fmt.Sprintf("%s:%d", position.Filename, position.Line)
}

// sorted returns a map's keys in order.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// report fails the test once per complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

// mustComplain fails the test unless exactly the wanted complaints came, each known by a part of it.
func mustComplain(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d complaints, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("complaint %d: got %q, want it to say %q", i, got[i], want[i])
		}
	}
}
