package million

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirws/weir/bench"
)

// leavesNothing fails the test if, when it ends, this process has children that it had
// not before, or files are left in the temporary directory, or a process that was
// started with one of them.
func leavesNothing(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
			t.Errorf("a child process is left: %d, %v", pid, err)
		}
		left, err := filepath.Glob(dir + "/*")
		if err != nil || len(left) > 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil || len(lines) == 0 {
			t.Fatalf("no processes: %v", err)
		}
		for _, path := range lines {
			if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), dir) { // else it has just ended
				t.Errorf("a process is left: %s", strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
	})
}

func TestRunJudges(t *testing.T) {
	for _, row := range []struct {
		fault   string
		verdict string // "": it is good
	}{
		{faultNone, ""},
		{faultRefuse, "1 upgrades failed and 299 were right"},
		{faultAccept, "upgrade on connection 7: the answer has a wrong Sec-WebSocket-Accept"},
		{faultEcho, "1 echoes failed and 299 were right; echo on connection 7: got a frame"},
		{faultPong, "1 pings failed and 299 were right; 299 of 300 connections answered a ping"},
	} {
		t.Run(row.fault, func(t *testing.T) {
			leavesNothing(t)
			r, err := Run(t.Context(), quick(t, row.fault))
			if err != nil {
				t.Fatal(err)
			}
			err = r.Verdict()
			if row.verdict == "" && err != nil || row.verdict != "" && (err == nil || !strings.Contains(err.Error(), row.verdict)) {
				t.Errorf("got %v, want %q", err, row.verdict)
			}
		})
	}
}

func TestRunHoldsTheBudget(t *testing.T) {
	leavesNothing(t)
	o := quick(t, faultFat)
	o.Budget = 0 // the default
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err == nil || !strings.Contains(err.Error(), "the budget is 256") {
		t.Errorf("a connection costs %.0f bytes, and the verdict is %v", r.Memory.PerConn, err)
	}
}

func TestRunWithoutServer(t *testing.T) {
	for _, row := range []struct{ fault, want string }{
		{faultExit, "this is too much"},
		{faultSilent, "no address is good enough"},
	} {
		t.Run(row.fault, func(t *testing.T) {
			leavesNothing(t)
			_, err := Run(t.Context(), quick(t, row.fault))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want what the server said: %q", err, row.want)
			}
		})
	}
}

func TestRunStops(t *testing.T) {
	leavesNothing(t)
	o := quick(t, faultNone)
	o.Idle = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p bench.Progress) {
		if p.Phase == "idling" {
			cancel()
		}
	}
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	o.Progress, o.Timeout = nil, 3*time.Second
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "longer than 3s") {
		t.Errorf("got %v, want it to say that it took too long", err)
	}
}

// TestRunHere holds connections of the real server on this machine, and answers its
// pings.
func TestRunHere(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds weir")
	}
	leavesNothing(t)
	r, err := Run(t.Context(), Options{
		Conns: 500, Way: Host, Budget: -1, KeepAlive: 300 * time.Millisecond,
		Idle: time.Second, Settle: 10 * time.Millisecond, Timeout: 5 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err != nil {
		t.Error(err)
	}
	if r.Kept.Answered < 500 {
		t.Errorf("%d pings of the server were answered, want one for each of 500 connections at least", r.Kept.Answered)
	}
	if r.GC.Forced == 0 || r.GC.LastMark == 0 || r.Memory.Heap <= 0 || r.Memory.RSS == 0 || r.RampRate == 0 || r.Trips.P50 == 0 {
		t.Errorf("a figure is missing: %+v", r)
	}
}

// guestKernel is a kernel for tests; they are skipped by name where there is none.
func guestKernel(t *testing.T) string {
	t.Helper()
	if why := readMachine().noGuest(); why != "" {
		t.Skip("User Mode Linux " + why)
	}
	path := FindKernel("")
	if path == "" && os.Getenv("WEIR_REQUIRE_CLIENTS") == "1" {
		t.Fatal("linux.uml is not here (apt-get install user-mode-linux), and WEIR_REQUIRE_CLIENTS=1")
	}
	if path == "" {
		t.Skip("linux.uml is not here: apt-get install user-mode-linux")
	}
	return path
}

// TestRunInGuest holds connections of the real server under User Mode Linux.
func TestRunInGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds weir and boots a kernel")
	}
	kernel := guestKernel(t)
	leavesNothing(t)
	var phases []string
	r, err := Run(t.Context(), Options{
		Conns: 1000, Way: UML, Kernel: kernel, Budget: -1, Idle: 100 * time.Millisecond, Settle: 10 * time.Millisecond, Timeout: 5 * time.Minute,
		Progress: func(p bench.Progress) {
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verdict(); err != nil {
		t.Error(err)
	}
	if r.Way != UML || r.Memory.Guest == 0 || r.Memory.Kernel < 1000 {
		t.Errorf("a figure is missing: %+v", r)
	}
	if got, want := strings.Join(phases, ", "), "connecting, echoing, pinging all, idling"; got != want {
		t.Errorf("got the phases %s, want %s", got, want)
	}
}

// TestGuestStops ends a guest in the middle of its work.
func TestGuestStops(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds weir and boots a kernel")
	}
	kernel := guestKernel(t)
	leavesNothing(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, Options{
		Conns: 5000, Way: UML, Kernel: kernel, Idle: time.Hour, Settle: 10 * time.Millisecond, Timeout: 5 * time.Minute,
		Progress: func(bench.Progress) { cancel() },
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "while connecting") {
		t.Errorf("got %v, want %v while connecting", err, context.Canceled)
	}
}

func TestGuestElsewhere(t *testing.T) {
	if err := Guest(); err == nil {
		t.Error("this process is not the first of a guest, and Guest has nothing against it")
	}
}

func TestCheckStatic(t *testing.T) {
	if err := CheckStatic("/bin/sh"); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("a program that needs libraries: got %v", err)
	}
	if err := CheckStatic(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there passes")
	}
}

func TestReadMachine(t *testing.T) {
	m := readMachine()
	if !m.linux || m.memory == 0 || m.memory == unlimited || m.descriptors == 0 || m.room == 0 || m.mappings == 0 {
		t.Errorf("a limit is missing: %+v", m)
	}
}

func TestProcessFigures(t *testing.T) {
	private, rss, err := memoryOf(os.Getpid())
	if err != nil || private <= 0 || rss < private {
		t.Errorf("got private %d, RSS %d and %v", private, rss, err)
	}
	begun := time.Now()
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after < before+2*userTick; {
		if after, err = cpuOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("a minute of work took no CPU time")
		}
	}
	if kernelMemory() <= 0 {
		t.Error("the kernel holds nothing")
	}
}
