package pool

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// TestMain fails when a test leaves a buffer or a goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if n := Outstanding(); code == 0 && n != 0 {
		fmt.Fprintf(os.Stderr, "%d buffers are outstanding\n", n)
		code = 1
	}
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // the testing package leaves goroutines then
	if n := goroutinesAbove(before); code == 0 && n > 0 && !fuzzing {
		fmt.Fprintf(os.Stderr, "%d goroutines are left\n", n)
		code = 1
	}
	os.Exit(code)
}

// goroutinesAbove gives goroutines that were waited for time to be gone, and counts what is left.
func goroutinesAbove(before int) int {
	for range 1_000_000 {
		if runtime.NumGoroutine() <= before {
			return 0
		}
		runtime.Gosched()
	}
	return runtime.NumGoroutine() - before
}
