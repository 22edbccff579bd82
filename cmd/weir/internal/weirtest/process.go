package weirtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 60 * time.Second

// Result is what became of a command.
type Result struct {
	Stdout, Stderr string
	Exit           int
}

// Run runs weir with stdin to its end.
func Run(t *testing.T, stdin string, args ...string) Result {
	t.Helper()
	return RunCommand(t, exec.Command(binary, args...), stdin)
}

// RunCommand runs a command with stdin to its end.
func RunCommand(t *testing.T, cmd *exec.Cmd, stdin string) Result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // the test fails by its exit code
	defer timer.Stop()
	_ = cmd.Wait() // ExitCode says it
	return Result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Shell runs a line that weir printed, as who copies it does, and returns what
// it writes.
func Shell(t *testing.T, line string) string {
	t.Helper()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			Require(t, tool+" is not here")
		}
	}
	got := RunCommand(t, exec.Command("sh", "-c", line), "")
	if got.Exit != 0 {
		t.Fatalf("%s: got %d, %s", line, got.Exit, got.Stderr)
	}
	return got.Stdout
}

// Process is a weir that runs.
type Process struct {
	t      *testing.T
	cmd    *exec.Cmd
	Stdin  io.WriteCloser
	out    *output
	errs   *output
	told   bool          // it got a signal that ends it: a second one would kill it
	exited chan struct{} // closed when cmd.ProcessState is there
}

// Start starts weir. At the end of the test it gets a SIGTERM if it still runs
// and got no signal yet, and must then end with exit code 0.
func Start(t *testing.T, args ...string) *Process {
	t.Helper()
	return StartCommand(t, exec.Command(binary, args...))
}

// StartCommand is Start for another program, or for weir with more than
// arguments.
func StartCommand(t *testing.T, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, out: newOutput(), errs: newOutput(), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.errs
	var err error
	if p.Stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends when the process does, which Cleanup sees to
		_ = p.cmd.Wait() // ExitCode says it
		p.out.end()
		p.errs.end()
		close(p.exited)
	}()
	t.Cleanup(p.cleanup)
	return p
}

func (p *Process) cleanup() {
	select {
	case <-p.exited:
	default:
		if !p.told {
			err := p.cmd.Process.Signal(syscall.SIGTERM)
			if err != nil && !errors.Is(err, os.ErrProcessDone) { // else it ends by itself just now
				p.t.Error(err)
			}
		}
		if code := p.Wait(); code != 0 {
			p.t.Errorf("%s ended with %d after SIGTERM:\n%s", p.cmd.Args, code, p.errs)
		}
	}
	if strings.Contains(p.errs.String(), "DATA RACE") {
		p.t.Errorf("%s:\n%s", p.cmd.Args, p.errs)
	}
}

// PID is the process's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends it a signal.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	p.told = p.told || s != syscall.SIGHUP
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// Wait waits for its end and returns the exit code.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // the test has failed already
		p.t.Fatalf("%s does not end", p.cmd.Args)
	}
	return p.cmd.ProcessState.ExitCode()
}

// State is what the system says of it after its end.
func (p *Process) State() *os.ProcessState {
	p.Wait()
	return p.cmd.ProcessState
}

// Stdout waits until its output matches pattern, and returns the first match
// and its groups.
func (p *Process) Stdout(pattern string) []string {
	p.t.Helper()
	return p.await(p.out, pattern)
}

// Says waits until its output matches pattern, or it has ended, and reports
// which.
func (p *Process) Says(pattern string) bool {
	return p.out.await(regexp.MustCompile(pattern)) != nil
}

// Stderr is Stdout for its error output.
func (p *Process) Stderr(pattern string) []string {
	p.t.Helper()
	return p.await(p.errs, pattern)
}

func (p *Process) await(o *output, pattern string) []string {
	p.t.Helper()
	match := o.await(regexp.MustCompile(pattern))
	if match == nil {
		p.t.Fatalf("%s: no %q in its output:\n%s\n%s", p.cmd.Args, pattern, p.out, p.errs)
	}
	return match
}

// Text is all that it has written so far.
func (p *Process) Text() (stdout, stderr string) { return p.out.String(), p.errs.String() }

// output gathers what a process writes, and wakes those who wait for it.
type output struct {
	mu    sync.Mutex // guards the following
	text  []byte
	ended bool
	grown chan struct{} // closed and replaced when text grows
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	close(o.grown)
	o.grown = make(chan struct{})
	return len(b), nil
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	close(o.grown)
	o.grown = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// await returns the first match of re, or nil when there will be none.
func (o *output) await(re *regexp.Regexp) []string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		o.mu.Lock()
		match, ended, grown := re.FindStringSubmatch(string(o.text)), o.ended, o.grown
		o.mu.Unlock()
		if match != nil || ended {
			return match
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil
		}
	}
}
