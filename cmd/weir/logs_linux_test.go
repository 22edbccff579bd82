package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// A log that takes nothing holds nobody up: docs/operating.md.

// fullPipe is the end of a pipe that takes nothing more until somebody reads from r.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	_ = w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // it is full then
	for err == nil {
		_, err = w.Write(make([]byte, 4096))
	}
	return r, w
}

// deaf are files that take nothing.
func deaf(t *testing.T) map[string]*os.File {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	_, blocked := fullPipe(t)
	r, broken := fullPipe(t)
	r.Close()
	return map[string]*os.File{"a full disk": full, "a full pipe": blocked, "a pipe whose reader has gone": broken}
}

// noisy has weir echo log: a server with few descriptors complains of each accept that fails, once a second.
const noisy = "ulimit -n 40"

// TestHostile74LogBlocked: with a log that takes nothing weir echo serves, and ends as ever.
func TestHostile74LogBlocked(t *testing.T) {
	for name, stderr := range deaf(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits
			cmd, host := limited(t, noisy, stderr, "")
			var in []*bare
			for {
				c := openBare(t, host, 1500*time.Millisecond) // it has complained by then
				if c == nil {
					break
				}
				in = append(in, c)
			}
			for _, c := range in {
				c.echoes(t)
			}
			for _, c := range in {
				c.Close()
			}
			c := openBare(t, host, patience)
			if c == nil {
				t.Fatal("nobody is served any more")
			}
			c.echoes(t)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			c.goesAway(t)
			_ = cmd.Wait() // ExitCode says it
			if code := cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("it ended with %d", code)
			}
		})
	}
}

// loud is a shell that runs line and becomes a weir serve that logs whatever clients do.
func loud(line string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", line, weirtest.Binary(), "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "WEIR_LOG_LEVEL=debug", "WEIR_LIMITS_CONNECT_RATE=0")
	return cmd
}

// serveLogging starts a weir serve that logs whatever clients do to log.
func serveLogging(t *testing.T, log *os.File) *weirtest.Server {
	t.Helper()
	cmd := loud(`exec "$0" "$@" 2>&3 3>&-`)
	cmd.ExtraFiles = []*os.File{log}
	return weirtest.ServeCommand(t, cmd)
}

// chatter has n clients come and go: two lines of the log each.
func chatter(t *testing.T, s *weirtest.Server, n int) {
	t.Helper()
	for range n {
		newRaw(t, s.Host, "/ws?topic=chatter").Close()
	}
}

// hears publishes something, which must reach p.
func hears(t *testing.T, s *weirtest.Server, p *peer, text string) {
	t.Helper()
	s.Publish("a", "", text)
	if m := p.message(); m.String() != text {
		t.Fatalf("got %q, want %q", m.String(), text)
	}
}

// drains ends s by SIGTERM: p must be told so, and the exit code must be 0.
func drains(t *testing.T, s *weirtest.Server, p *peer) {
	t.Helper()
	s.Signal(syscall.SIGTERM)
	if end := p.end(); end.Code != engine.StatusServiceRestart || !end.Clean {
		t.Errorf("got %v, want a clean 1012", end)
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestHostile74ServeLogBlocked: with a log that takes nothing, and more lines for it than wait, weir serve serves, and
// ends as ever. 1024 lines wait; WEIR_LOG_CLIENTS=10000 has 20,000.
func TestHostile74ServeLogBlocked(t *testing.T) {
	clients, measured := fromEnv(t, "WEIR_LOG_CLIENTS", 700)
	for name, log := range deaf(t) {
		t.Run(name, func(t *testing.T) {
			s := serveLogging(t, log)
			p := dial(t, s.URL("ws", "/ws?topic=a"))
			p.settle()
			chatter(t, s, clients)
			hears(t, s, p, "still there?")
			start := time.Now()
			drains(t, s, p)
			if measured {
				t.Logf("%d clients came and went; it ended after %v", clients, time.Since(start))
			}
		})
	}
}

// TestHostile74EndWithLogBlocked: what weir has to say at its end holds it up no more than the log does.
func TestHostile74EndWithLogBlocked(t *testing.T) {
	t.Setenv("WEIR_DRAIN_DURATION", "24h")
	_, blocked := fullPipe(t)
	s := serveLogging(t, blocked)
	p := dial(t, s.URL("ws", "/ws?topic=a"))
	p.settle()
	s.Signal(syscall.SIGTERM)
	awaitUnready(t, s)
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(); code != 4 {
		t.Errorf("it ended with %d, want 4", code)
	}
}

// TestHostile74DiskFull: while the disk with its log is full weir serves as ever. When there is room again it logs, and
// how many lines it lost, too.
func TestHostile74DiskFull(t *testing.T) {
	dir := t.TempDir()
	const small = `mount -t tmpfs -o size=64k weir "$DISK"`
	t.Setenv("DISK", dir)
	own := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} // the disk goes with the process
	probe := exec.Command("sh", "-c", small)
	probe.SysProcAttr = own
	if out, err := probe.CombinedOutput(); err != nil {
		t.Skipf("no small disk can be had here: %v: %s", err, out)
	}
	cmd := loud(small + ` && head -c 60000 /dev/zero >"$DISK/other" && exec "$0" "$@" 2>>"$DISK/log"`)
	cmd.SysProcAttr = own
	s := weirtest.ServeCommand(t, cmd)
	disk := fmt.Sprintf("/proc/%d/root%s/", s.PID(), dir)
	log, err := os.Open(disk + "log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := dial(t, s.URL("ws", "/ws?topic=a"))
	p.settle()
	for free := uint64(1); free > 0; {
		chatter(t, s, 10)
		var fs syscall.Statfs_t
		if err := syscall.Statfs(disk, &fs); err != nil {
			t.Fatal(err)
		}
		free = fs.Bavail
	}
	clients, _ := fromEnv(t, "WEIR_LOG_CLIENTS", 50)
	chatter(t, s, clients)
	hears(t, s, p, "while it is full")
	if err := os.Remove(disk + "other"); err != nil {
		t.Fatal(err)
	}
	chatter(t, s, 1)
	hears(t, s, p, "when there is room")
	drains(t, s, p)
	text, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"msg":"lines of the log are lost: the file or pipe took none","lines":`, `"msg":"drained","left":0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in the log:\n%s", want, text)
		}
	}
	cut := 0
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			cut++
		}
	}
	if cut > 1 {
		t.Errorf("%d lines are not JSON, want the one for which there was no room:\n%s", cut, text)
	}
}
