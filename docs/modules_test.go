package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// closure lists the modules of other people that the engine's packages are built from on one system, path to version.
func closure(t *testing.T, goos string) map[string]string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=Module", "./engine/...")
	list.Dir = ".."
	list.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	modules, err := parseClosure(strings.NewReader(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return modules
}

// parseClosure reads what go list -json=Module writes.
func parseClosure(r io.Reader) (map[string]string, error) {
	modules := map[string]string{}
	for dec := json.NewDecoder(r); ; {
		var p struct {
			Module *struct {
				Path, Version string
				Main          bool
			}
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return modules, nil
		}
		if err != nil {
			return nil, err
		}
		if p.Module != nil && !p.Module.Main {
			modules[p.Module.Path] = p.Module.Version
		}
	}
}

// checkClosure holds the engine's import closure to the modules that architecture.md pins, both ways.
func checkClosure(got map[string]string, text string) []string {
	pinned := map[string]string{}
	for _, row := range rows(text, "pinned module", "version", "comes with") {
		pinned[code(row[0])[0]] = code(row[1])[0]
	}
	var complaints []string
	for _, m := range sorted(got) {
		switch version, named := pinned[m]; {
		case !named:
			complaints = append(complaints, fmt.Sprintf("the engine's import closure has %s %s, which architecture.md does not pin", m, got[m]))
		case version != got[m]:
			complaints = append(complaints, fmt.Sprintf("the engine is built from %s %s, and architecture.md pins %s", m, got[m], version))
		}
	}
	for _, m := range sorted(pinned) {
		if _, used := got[m]; !used {
			complaints = append(complaints, fmt.Sprintf("architecture.md pins %s, and the engine is not built from it", m))
		}
	}
	return complaints
}

func TestClosure(t *testing.T) {
	text := read(t, repository(t), "docs/architecture.md")
	got := map[string]string{}
	for _, goos := range []string{"linux", "darwin", "freebsd", "windows"} {
		for m, version := range closure(t, goos) {
			got[m] = version
		}
	}
	report(t, checkClosure(got, text))
}

func TestClosureCanFail(t *testing.T) {
	const text = "| pinned module | version | comes with |\n|---|---|---|\n" +
		"| `example.org/a` | `v1.0.0` | us |\n| `example.org/b` | `v1.0.0` | us |\n| `example.org/gone` | `v1.0.0` | us |\n"
	const list = `{"Module":{"Path":"example.org/a","Version":"v1.0.0"}} {} {"Module":{"Path":"` + module + `","Main":true}}
		{"Module":{"Path":"example.org/b","Version":"v1.2.0"}} {"Module":{"Path":"example.org/new","Version":"v0.1.0"}}`
	got, err := parseClosure(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	mustComplain(t, checkClosure(got, text),
		"built from example.org/b v1.2.0, and architecture.md pins v1.0.0",
		"closure has example.org/new v0.1.0, which architecture.md does not pin",
		"pins example.org/gone, and the engine is not built from it",
	)
}
