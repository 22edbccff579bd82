package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// process reads what a process of this machine costs.
type process struct {
	pid    int
	clock  int32  // its CPU clock
	smaps  string // its memory map in sums
	fdPath string // one entry per descriptor
}

// openProcess checks that pid exists and can be read.
func openProcess(pid int) (*process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	p := &process{
		pid: pid,
		// The clock of all threads of a process in scheduler time: clock_getcpuclockid(3)
		// makes it so. Threads that have ended are counted, child processes are not.
		clock:  int32(^pid)<<3 | 2,
		smaps:  dir + "/smaps_rollup",
		fdPath: dir + "/fd",
	}
	if _, err := p.cpu(); err != nil {
		return nil, err
	}
	if _, err := p.private(); err != nil {
		return nil, err
	}
	return p, nil
}

// cpu is the CPU time of the process so far, in user and kernel mode.
func (p *process) cpu() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(p.clock, &ts)
	if err == unix.EINVAL { // so the kernel says that the clock is nobody's
		return 0, fmt.Errorf("bench: there is no process %d", p.pid)
	}
	if err != nil {
		return 0, fmt.Errorf("bench: CPU time of process %d: %w", p.pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// private is the memory that the process shares with no other, in bytes.
func (p *process) private() (int64, error) {
	b, err := os.ReadFile(p.smaps)
	if err != nil {
		return 0, fmt.Errorf("bench: memory of process %d: %w", p.pid, err)
	}
	var sum int64
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || !isPrivate(string(fields[0])) {
			continue
		}
		kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("bench: %s: %w", p.smaps, err)
		}
		sum += kib << 10
	}
	return sum, nil
}

// isPrivate reports whether a line of smaps_rollup counts as private memory.
func isPrivate(name string) bool { return name == "Private_Clean:" || name == "Private_Dirty:" }

// descriptors is how many files and sockets the process holds open.
func (p *process) descriptors() (int, error) {
	names, err := os.ReadDir(p.fdPath)
	if err != nil {
		return 0, fmt.Errorf("bench: descriptors of process %d: %w", p.pid, err)
	}
	return len(names), nil
}

// ownCPU is the CPU time of this process so far.
func ownCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
