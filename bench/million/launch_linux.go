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
	"syscall"

	"golang.org/x/sys/unix"
)

// launch measures p in a guest under the kernel. It blocks until the guest has ended,
// and leaves nothing behind.
func launch(ctx context.Context, o *Options, kernel string, p *plan) (*Result, error) {
	dir, err := os.MkdirTemp("", "weir-million-")
	if err != nil {
		return nil, fmt.Errorf("million: %w", err)
	}
	defer os.RemoveAll(dir)
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
	return follow(ctx, o, cmd)
}

// guestMemory is the memory that a guest needs.
func guestMemory(conns int) uint64 { return guestBase + uint64(conns)*guestBytes }

// kernelArguments are the command line of a guest's kernel.
func kernelArguments(o *Options, dir, initrd string, memory uint64) []string {
	args := []string{
		fmt.Sprintf("mem=%dM", memory>>20),
		"initrd=" + initrd,
		"uml_dir=" + dir + "/",
		"con=null", "con0=null,fd:1", // the console is our pipe, and nobody types
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

// follow runs a guest and passes on what it tells.
func follow(ctx context.Context, o *Options, cmd *exec.Cmd) (*Result, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("million: %w", err)
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	ended := make(chan error, 1)
	started := make(chan error)
	stop := make(chan struct{})
	go runPinned(cmd, started, stop, ended) // ends with the guest; waited for below
	err = <-started
	_ = write.Close() // the guest has its own
	if err != nil {
		return nil, fmt.Errorf("million: %s does not start: %w", cmd.Path, err)
	}
	var result *Result
	var failure string
	at := ""
	tail := make(chan []string)
	go func() { // ends with the guest; waited for below
		tail <- readEvents(read, func(e event) {
			switch {
			case e.Progress != nil:
				at = e.Progress.Phase + " " + e.Progress.Note
				o.Progress(*e.Progress)
			case e.Result != nil:
				result = e.Result
			case e.Error != "":
				failure = e.Error
			}
		})
	}()
	var lines []string
	select {
	case lines = <-tail:
		close(stop)
	case <-ctx.Done():
		close(stop)
		lines = <-tail
	}
	err = <-ended
	switch {
	case result != nil:
		return result, nil
	case failure != "":
		return nil, errors.New(failure)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("million: stopped while %s: %w", strings.TrimSpace(orElse(at, "the guest started")), context.Cause(ctx))
	}
	return nil, fmt.Errorf("million: the guest ended early (%v) while %s:\n%s", err, orElse(at, "it started"), strings.Join(lines, "\n"))
}

// orElse is s, or other if it is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// runPinned runs a kernel on one CPU: each system call of a guest is a hand-over
// between processes, and over two CPUs that takes four times as long. It ends when the
// guest does, or when stop is closed, and all its processes with it.
func runPinned(cmd *exec.Cmd, started chan<- error, stop <-chan struct{}, ended chan<- error) {
	// The thread is not given back: its CPU is only the guest's, and the guest must
	// not outlive this process, which the kernel judges by this thread.
	runtime.LockOSThread()
	pin()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	killed := make(chan struct{})
	go func() { // ends on stop, which follow closes
		defer close(killed)
		<-stop
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error says that all have ended
	}()
	err = cmd.Wait()
	<-killed
	ended <- err
}

// pin binds the thread to the last CPU that it may use.
func pin() {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return // slower, but right
	}
	last := -1
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			last = cpu
		}
	}
	set.Zero()
	set.Set(last)
	_ = unix.SchedSetaffinity(0, &set) // slower, but right
}
