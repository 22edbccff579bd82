//go:build unix

package main_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestLowPort listens on a port that is not for everyone, as somebody else if
// the tests run as root.
func TestLowPort(t *testing.T) {
	first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Skip("only Linux says which ports are not for everyone")
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(first))); err != nil || n <= 80 {
		t.Skipf("port 80 is for everyone here: ip_unprivileged_port_start is %s", first)
	}
	if ln, err := net.Listen("tcp", "127.0.0.1:80"); err == nil {
		ln.Close()
		if os.Geteuid() != 0 {
			t.Skip("port 80 is ours")
		}
	}
	cmd := exec.Command(weirtest.Binary(), "serve", "--listen", "127.0.0.1:80")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	got := weirtest.RunCommand(t, cmd, "")
	if got.Exit != 3 {
		t.Errorf("exit code: got %d, want 3", got.Exit)
	}
	for _, want := range []string{"no permission to listen on port 80", "weir serve --listen 127.0.0.1:8080", "setcap cap_net_bind_service=+ep " + weirtest.Binary()} {
		if !strings.Contains(got.Stderr, want) {
			t.Errorf("got %q, want %q in it", got.Stderr, want)
		}
	}
}
