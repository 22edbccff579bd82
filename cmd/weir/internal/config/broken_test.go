package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what is said about the broken files to testdata")

// testEnviron is the environment of the files in testdata.
var testEnviron = []string{"WEIR_TEST_TOKEN=0123456789abcdef", "EMPTY="}

// TestBroken: each file in testdata/broken is refused with exactly what the
// .txt beside it says.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("there are %d broken files, %v; at least 40 are wanted", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			c, err := Load(Source{File: file, Environ: testEnviron})
			faults, ok := AsFaults(err)
			if !ok || c != nil {
				t.Fatalf("got %v, %v, want faults", c, err)
			}
			for _, f := range faults {
				if f.Place.Line < 1 || f.Place.Column < 1 || f.Place.Source != file {
					t.Errorf("%v: it has no place in the file", f)
				}
			}
			got := strings.ReplaceAll(faults.Error(), filepath.Dir(file)+string(filepath.Separator), "") + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}
