package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// What bounds the start of a server.
const (
	startTime  = 15 * time.Second
	startPause = 5 * time.Millisecond
	maxOutput  = 4 << 10 // of what it says, for an error
)

// server is a peer that runs.
type server struct {
	cmd    *exec.Cmd
	addr   string
	trust  *tls.Config
	stats  string // address of POST /trim; empty: none
	output output
	gone   chan struct{} // is closed when the process has ended
}

// output keeps the beginning of what a process says.
type output struct {
	mu sync.Mutex
	b  []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b = append(o.b, p[:min(len(p), maxOutput-len(o.b))]...)
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(string(o.b))
}

// start starts a peer, with TLS if id is not nil, bound to a CPU unless cpu is negative, and waits until it
// takes connections.
func start(ctx context.Context, p *peer, cpu int, id *identity, withStats, deflate bool) (*server, error) {
	s := &server{gone: make(chan struct{})}
	var err error
	if s.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	args := append(p.command[1:len(p.command):len(p.command)], "--listen", s.addr)
	if deflate {
		args = append(args, p.compress...)
	}
	if id != nil {
		s.trust = id.trust
		args = append(args, "--tls-cert", id.certFile, "--tls-key", id.keyFile)
	}
	if withStats {
		if s.stats, err = freeAddr(); err != nil {
			return nil, err
		}
		args = append(args, "--stats", s.stats)
	}
	s.cmd = exec.Command(p.command[0], args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := startOn(s.cmd, cpu); err != nil {
		return nil, err
	}
	go func() { // ends with the process; stop waits
		defer close(s.gone)
		_ = s.cmd.Wait() // it is killed: the status says nothing
	}()
	for _, addr := range []string{s.addr, s.stats} {
		if err := s.await(ctx, addr); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// await waits until addr takes connections.
func (s *server) await(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	for end := time.Now().Add(startTime); ; {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.gone:
			return fmt.Errorf("it ended at once: %s", s.output.String())
		case <-time.After(startPause):
		}
		if time.Now().After(end) {
			return errors.New("it does not listen: " + s.output.String())
		}
	}
}

// pid is the server's process.
func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the server and waits for it.
func (s *server) stop() {
	_ = s.cmd.Process.Kill() // then it has ended already
	<-s.gone
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
