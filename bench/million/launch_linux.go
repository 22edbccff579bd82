package million

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launch measures p in a guest under the kernel, with files in dir, which is removed
// as soon as the guest runs. It blocks until the guest has ended.
func launch(ctx context.Context, o *Options, kernel, dir string, p *plan) (*Result, error) {
	initrd := filepath.Join(dir, "initrd")
	if err := writeInitrd(initrd, o, p); err != nil {
		return nil, err
	}
	memory := guestMemory(p.Conns)
	store := ""
	for _, d := range directories() {
		if d.room >= memory {
			store = d.path
			break
		}
	}
	if store == "" {
		return nil, fmt.Errorf("million: no directory has room for a guest of %s any more", size(memory))
	}
	cmd := exec.Command(kernel, kernelArguments(o, dir, initrd, memory)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+store)
	o.Log(fmt.Sprintf("starting %s with %s of memory in %s", kernel, size(memory), store))
	return follow(ctx, o, cmd, func() { _ = os.RemoveAll(dir) }) // Run tries again
}

// guestMemory is the memory that a guest needs.
func guestMemory(conns int) uint64 { return guestBase + uint64(conns)*guestBytes }

// kernelArguments are the command line of a guest's kernel.
func kernelArguments(o *Options, dir, initrd string, memory uint64) []string {
	args := []string{
		fmt.Sprintf("mem=%dM", memory>>20),
		"initrd=" + initrd,
		"uml_dir=" + dir + "/",
		"con=null", "con0=fd:0,fd:1", // the leash, and the console
		"root=none", "console=tty0", // else they are added, behind the arguments of init
		"quiet", "audit=0", "apparmor=0", "selinux=0", "panic=-1",
		"thash_entries=1048576", // a table of connections without long chains
	}
	if len(o.Holder) > 1 {
		args = append(append(args, "--"), o.Holder[1:]...)
	}
	return args
}

// writeInitrd writes the guest's first file system: both programs and the plan.
func writeInitrd(path string, o *Options, p *plan) error {
	inside := *p
	inside.Server = append([]string{"/" + guestServer}, p.Server[1:]...)
	text, err := json.Marshal(inside)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	defer out.Close()
	a := archive{w: out}
	for _, d := range []string{"dev", "proc", "tmp"} {
		a.directory(d)
	}
	a.device("dev/console", 5, 1)
	a.device("dev/null", 1, 3)
	a.file(guestPlan, int64(len(text)), strings.NewReader(string(text)))
	for _, program := range []struct{ name, path string }{{guestInit, o.Holder[0]}, {guestServer, p.Server[0]}} {
		if err := addFile(&a, program.name, program.path); err != nil {
			return err
		}
	}
	return errors.Join(a.end(), out.Close())
}

// addFile adds a file of this machine to an archive.
func addFile(a *archive, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("million: %w", err)
	}
	a.file(name, info.Size(), f)
	return nil
}

// follow runs a guest and passes on what it tells; up is called once it has begun to.
func follow(ctx context.Context, o *Options, cmd *exec.Cmd, up func()) (*Result, error) {
	g, err := startGuest(cmd)
	if err != nil {
		return nil, fmt.Errorf("million: %s does not start: %w", cmd.Path, err)
	}
	defer g.close()
	var last event
	begun := sync.OnceFunc(up)
	at := "the guest starts"
	tail := make(chan []string)
	go func() { // ends with the console, which has a deadline once the guest has ended
		tail <- readEvents(g.console, func(e event) {
			begun()
			if e.Progress == nil {
				last = e
				return
			}
			at = strings.TrimSpace(e.Progress.Phase + " " + e.Progress.Note)
			o.Progress(*e.Progress)
		})
	}()
	select {
	case err = <-g.ended:
	case <-ctx.Done():
		close(g.stop)
		err = <-g.ended
	}
	_ = g.console.SetReadDeadline(time.Now().Add(consoleTimeout)) // without one, a process that is left would be waited for
	lines := <-tail
	switch {
	case last.Result != nil:
		return last.Result, nil
	case last.Error != "":
		return nil, errors.New(last.Error)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("million: stopped while %s: %w", at, context.Cause(ctx))
	}
	return nil, fmt.Errorf("million: the guest ended early (%v) while %s:\n%s", err, at, strings.Join(lines, "\n"))
}

// consoleTimeout is how long the rest of a console may take once its guest has ended.
const consoleTimeout = 5 * time.Second

// guestProcess is a running kernel.
type guestProcess struct {
	console *os.File      // what it prints
	leash   *os.File      // it switches itself off when this is closed, as it is when this process dies
	stop    chan struct{} // closing it kills all of its processes
	ended   chan error    // gets how it ended, once
}

// startGuest starts a kernel.
func startGuest(cmd *exec.Cmd) (*guestProcess, error) {
	console, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	in, leash, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, console.Close(), out.Close())
	}
	g := &guestProcess{console: console, leash: leash, stop: make(chan struct{}), ended: make(chan error, 1)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := make(chan error)
	go g.run(cmd, started) // ends with the guest; g.ended tells
	err = <-started
	_, _ = in.Close(), out.Close() // the guest has its own
	if err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// close gives the pipes back.
func (g *guestProcess) close() { _, _ = g.leash.Close(), g.console.Close() }

// run runs a kernel on one CPU: each system call of a guest is a hand-over between
// processes, and over two CPUs that takes four times as long.
func (g *guestProcess) run(cmd *exec.Cmd, started chan<- error) {
	// The thread is not given back: nothing else is to be bound to its CPU.
	runtime.LockOSThread()
	pin()
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	over, killed := make(chan struct{}), make(chan struct{})
	go func() { // ends with the guest; waited for below
		defer close(killed)
		select {
		case <-g.stop:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error says that all have ended
		case <-over:
		}
	}()
	err = cmd.Wait()
	close(over)
	<-killed
	g.ended <- err
}

// pin binds the thread to the last CPU that it may use. Without it all is slower, but
// right.
func pin() {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return
	}
	last := -1
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			last = cpu
		}
	}
	if last < 0 {
		return
	}
	set.Zero()
	set.Set(last)
	_ = unix.SchedSetaffinity(0, &set) // see above
}
