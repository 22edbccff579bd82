package bench

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails when a test leaves goroutines behind. The fuzzing engine does so too,
// and is let off.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	for range 500 {
		if fuzzing || runtime.NumGoroutine() <= before {
			os.Exit(code)
		}
		time.Sleep(10 * time.Millisecond) // polls a condition; the bound is 5 s
	}
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "%d goroutines before, %d after:\n%s\n", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// eachDriver runs a test with the driver of this system and with the portable one.
func eachDriver(t *testing.T, test func(t *testing.T, at Target)) {
	for name, portable := range map[string]bool{"native": false, "portable": true} {
		t.Run(name, func(t *testing.T) { test(t, Target{Portable: portable}) })
	}
}

// shortLoad is enough messages to see whether all is right.
func shortLoad(size int) Load {
	return Load{Size: size, Duration: 200 * time.Millisecond, Warmup: -1}
}
