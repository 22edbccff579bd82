// Package weirtest runs the built program in tests: as a command that ends, or
// as a server that is talked to over real sockets.
package weirtest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/weirws/weir/pool"
)

// binary is where Main built the program.
var binary string

// Main builds the program, runs the tests, and exits: it is what a TestMain
// calls. The program is built as the tests are, with -race and -tags
// invariants if they are.
func Main(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it, too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "weir")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
		if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0"); err != nil { // it is a second for each run otherwise
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if pool.Invariants {
		args = append(args, "-tags", "invariants")
	}
	build := exec.Command("go", append(args, "github.com/weirws/weir/cmd/weir")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "weirtest: the program cannot be built:", err)
		return 1
	}
	return m.Run()
}

// Binary is the path of the program. It is there once Main has been called.
func Binary() string { return binary }

// Require skips the test because of something that it needs and that is not
// here, or fails it when WEIR_REQUIRE_CLIENTS is 1.
func Require(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("WEIR_REQUIRE_CLIENTS") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}
