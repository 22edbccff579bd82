//go:build unix

package main_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// kill kills a weir as nobody can refuse, and waits until it has gone.
func kill(p *weirtest.Process) {
	p.Signal(syscall.SIGKILL)
	p.Wait()
}

// TestKilled: after kill -9 all peers see the end at once, and weir listens on the same ports again at once, even while
// they still hold their half of the connections. WEIR_KILL_CONNS=10000 measures it.
func TestKilled(t *testing.T) {
	t.Run("serve", func(t *testing.T) {
		killed(t, weirtest.ServeEnv(t, "WEIR_LIMITS_CONNECT_RATE=0"), "/ws?topic=a", "serve")
	})
	t.Run("echo", func(t *testing.T) { killed(t, weirtest.Echo(t), "/echo", "echo") })
}

// killed kills s, which is weir's command, and starts it again.
func killed(t *testing.T, s *weirtest.Server, path, command string) {
	t.Helper()
	conns, measured := fromEnv(t, "WEIR_KILL_CONNS", 100)
	var in []*raw
	for range conns {
		in = append(in, newRaw(t, s.Host, path))
	}
	args := []string{command, "--listen", s.Host}
	if s.Admin != "" {
		args = append(args, "--admin", s.Admin)
	}
	start := time.Now()
	kill(s.Process)
	gone := time.Since(start)
	weirtest.Start(t, args...).Stdout(s.Host)
	dial(t, s.URL("ws", path)).settle()
	served := time.Since(start)
	for _, r := range in {
		if b, err := r.in.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("got %q, %v, want the end", b, err)
		}
	}
	if measured {
		t.Logf("%s: %d connections; it was gone after %v, another served after %v, all had seen the end after %v", command, conns, gone, served, time.Since(start))
	}
}

// TestKilledOnUnixSockets: the files that kill -9 leaves behind keep no weir from listening there.
func TestKilledOnUnixSockets(t *testing.T) {
	dir := t.TempDir()
	clients, operators := filepath.Join(dir, "weir.sock"), filepath.Join(dir, "admin.sock")
	for _, test := range []struct {
		name, path, ready string
		args              []string
	}{
		{"serve", "/ws?topic=a", "Operators", []string{"serve", "--listen", "unix:" + clients, "--admin", "unix:" + operators}},
		{"echo", "/echo", "stats on", []string{"echo", "--listen", "unix:" + clients, "--stats", "unix:" + operators}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := weirtest.Start(t, test.args...)
			p.Stdout(test.ready)
			before := dial(t, "ws+unix:"+clients+":"+test.path)
			before.settle()
			kill(p)
			before.end()
			for _, path := range []string{clients, operators} {
				if _, err := os.Stat(path); err != nil {
					t.Fatalf("nothing is left behind: %v", err)
				}
			}
			weirtest.Start(t, test.args...).Stdout(test.ready)
			dial(t, "ws+unix:"+clients+":"+test.path).settle()
		})
	}
}
