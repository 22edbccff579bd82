//go:build linux

package poller_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirws/weir/poller"
)

const descriptorLimit = 64

func init() { serveExhausted = serveLimited }

// serveLimited serves with few descriptors until its standard input ends.
func serveLimited(addr string) {
	limit := unix.Rlimit{Cur: descriptorLimit, Max: descriptorLimit}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	p, err := poller.New(poller.Options{Loops: 2})
	if err != nil {
		panic(err)
	}
	ln, err := p.Listen("tcp", addr, poller.ListenOptions{})
	if err != nil {
		panic(err)
	}
	if err := ln.Deal(deal); err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is what matters
	p.Close()
}

// TestHostile57DescriptorsExhausted: a server at its limit keeps all it has, says so quietly, and
// takes the others as soon as it can.
func TestHostile57DescriptorsExhausted(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(exe)
	server.Env = append(os.Environ(), exhaustedServer+"=127.0.0.1:0")
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	const all = 2 * descriptorLimit
	conns := make([]net.Conn, all)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", strings.TrimSpace(addr)); err != nil {
			t.Fatal(err)
		}
	}
	const sure = descriptorLimit / 2 // the first of them have a descriptor
	for range 20 {
		for i, nc := range conns[:sure] {
			speak(t, nc, i)
		}
	}
	// One after another goes, and makes room for one that waits.
	for i, nc := range conns {
		if i >= sure {
			speak(t, nc, i)
		}
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
	}
	stdin.Close()
	if err := server.Wait(); err != nil {
		t.Errorf("server: %v", err)
	}
	lines := strings.Count(log.String(), "\n")
	if most := 1 + int(time.Since(began)/time.Second); lines < 1 || lines > most {
		t.Errorf("%d log lines, want 1 to %d:\n%s", lines, most, log.String())
	}
}

// speak sends something over nc and expects it back.
func speak(t *testing.T, nc net.Conn, i int) {
	t.Helper()
	sent := fmt.Sprintf("connection %d", i)
	if _, err := io.WriteString(nc, sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(nc, got); err != nil || string(got) != sent {
		t.Fatalf("got %q (%v), want %q", got, err, sent)
	}
}
