package weirtest

import (
	"os"
	"path/filepath"
	"testing"
)

// File writes a file into a directory of the test, and returns its path.
func File(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	Replace(t, path, []byte(text))
	return path
}

// Replace writes a file in the place of what is there, at once: no reader finds a
// part of it.
func Replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
