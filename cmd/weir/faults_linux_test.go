package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// What docs/operating.md says of faults, on the built program.

// bare is a connection with its handshake behind it.
type bare struct {
	net.Conn
	in *bufio.Reader
}

// openBare connects to a weir echo; nil: it did not answer within wait.
func openBare(t *testing.T, host string, wait time.Duration) *bare {
	t.Helper()
	nc, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(wait)) // reads tell
	fmt.Fprintf(nc, "GET /echo HTTP/1.1\r\nHost: weir.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := &bare{nc, bufio.NewReader(nc)}
	answer, err := http.ReadResponse(r.in, nil)
	if err != nil {
		nc.Close()
		return nil
	}
	if answer.StatusCode != 101 {
		t.Fatal(answer.Status)
	}
	return r
}

// echoes wants one message back.
func (r *bare) echoes(t *testing.T) {
	t.Helper()
	_ = r.SetDeadline(time.Now().Add(patience)) // reads tell
	_, _ = r.Write([]byte("\x81\x82\x00\x00\x00\x00hi"))
	var got [4]byte
	if _, err := io.ReadFull(r.in, got[:]); err != nil || string(got[:]) != "\x81\x02hi" {
		t.Fatalf("got %q, %v, want the echo", got, err)
	}
}

// goesAway wants a close frame with 1001, and answers it.
func (r *bare) goesAway(t *testing.T) {
	t.Helper()
	_ = r.SetDeadline(time.Now().Add(patience)) // reads tell
	var got [4]byte
	if _, err := io.ReadFull(r.in, got[:]); err != nil || string(got[:]) != "\x88\x02\x03\xe9" {
		t.Fatalf("got %q, %v, want a close frame with 1001", got, err)
	}
	_, _ = r.Write([]byte("\x88\x82\x00\x00\x00\x00\x03\xe9")) // it may be cut off
}

// limited starts weir echo by a shell that does something first, with stderr as given.
func limited(t *testing.T, before string, stderr *os.File, args string) (cmd *exec.Cmd, host string) {
	t.Helper()
	cmd = exec.Command("sh", "-c", before+"; exec "+weirtest.Binary()+" echo --listen 127.0.0.1:0 "+args)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`ws://([^/]+)/`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("got %q, %v", line, err)
	}
	return cmd, m[1]
}

// TestHostile57Ulimit: with few descriptors those who are connected are served, the others wait, the log is short, and
// they are served when some have gone.
func TestHostile57Ulimit(t *testing.T) {
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, host := limited(t, "ulimit -n 64", log, "")
	var in []*bare
	for {
		r := openBare(t, host, time.Second)
		if r == nil {
			break
		}
		in = append(in, r)
	}
	if len(in) < 30 || len(in) > 64 {
		t.Fatalf("%d of 64 descriptors are connections", len(in))
	}
	for _, r := range in {
		r.echoes(t)
	}
	start := time.Now()
	for range 4 {
		in[0].Close() // one goes, one comes
		r := openBare(t, host, patience)
		if r == nil {
			t.Fatal("who waited is not served")
		}
		r.echoes(t)
		in = append(in[1:], r)
	}
	for _, r := range in {
		r.echoes(t)
	}
	b, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n == 0 || n > 4+int(time.Since(start)/time.Second) || !strings.Contains(string(b), "too many open files") {
		t.Errorf("it logged %d lines:\n%s", n, b)
	}
}

// TestHostile75Terminated: SIGTERM with many peers, a hundred of which read nothing: all others get 1001, and it ends with
// 0, since nobody is left. WEIR_DRAIN_CONNS=10000 measures it. A second signal ends it at once.
func TestHostile75Terminated(t *testing.T) {
	t.Parallel() // it waits
	conns, measured := fromEnv(t, "WEIR_DRAIN_CONNS", 1000)
	s := weirtest.Echo(t)
	var in []*bare
	for range conns {
		in = append(in, openBare(t, s.Host, patience))
	}
	message := append([]byte("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"), make([]byte, 1<<16)...)
	for _, r := range in[:100] { // what they ask for they don't read
		for range 100 {
			_ = r.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // then it reads no more
			if _, err := r.Write(message); err != nil {
				break
			}
		}
	}
	start := time.Now()
	s.Signal(syscall.SIGTERM)
	for _, r := range in[100:] {
		r.goesAway(t)
	}
	told := time.Since(start)
	if code := s.Wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if measured {
		t.Logf("%d got 1001 and answered within %v, 100 read nothing; it ended after %v", len(in)-100, told, time.Since(start))
	}
	twice := weirtest.Echo(t)
	stalled := openBare(t, twice.Host, patience) // it does not answer the close frame
	twice.Signal(syscall.SIGTERM)
	if _, err := io.ReadFull(stalled.in, make([]byte, 4)); err != nil {
		t.Error(err)
	}
	twice.Signal(syscall.SIGTERM)
	if state := twice.State().Sys().(syscall.WaitStatus); !state.Signaled() || state.Signal() != syscall.SIGTERM {
		t.Errorf("after a second signal: %v", state)
	}
}
