package bench

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessCPU(t *testing.T) {
	p, err := openProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	own := ownCPU()
	burn := make(chan struct{})
	go func() { // ends by itself; the test waits
		defer close(burn)
		// The thread ends with the goroutine: its time must count nevertheless.
		runtime.LockOSThread()
		for ownCPU() < own+50*time.Millisecond {
		}
	}()
	<-burn
	after, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	if spent := after - before; spent < 45*time.Millisecond {
		t.Errorf("got %v of CPU time, want 50ms or a little less", spent)
	}
}

// The CPU clock and /proc/PID/stat agree, but for the ticks of the latter.
func TestProcessCPULikeStat(t *testing.T) {
	p, err := openProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	total := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if total < got {
		t.Errorf("getrusage says %v, and the clock said %v before", total, got)
	}
}

func TestProcessPrivateMemory(t *testing.T) {
	const size = 64 << 20
	p, err := openProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.private()
	if err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	for i := 0; i < size; i += os.Getpagesize() {
		mem[i] = 1
	}
	after, err := p.private()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < size*9/10 || grown > size*2 {
		t.Errorf("got %d more bytes, want about %d", grown, size)
	}
}

func TestProcessDescriptors(t *testing.T) {
	p, err := openProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.descriptors()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if after, err := p.descriptors(); err != nil || after != before+2 {
		t.Errorf("got %d and %v, want %d", after, err, before+2)
	}
}

func TestProcessGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	if _, err := openProcess(cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), fmt.Sprint("there is no process ", cmd.Process.Pid)) {
		t.Errorf("got %v, want an error that names the process", err)
	}
}

func TestPinNoSuchCPU(t *testing.T) {
	for _, cpu := range []int{-1, 1 << 20} {
		if err := Pin(cpu); err == nil || !strings.Contains(err.Error(), fmt.Sprint("there is no CPU ", cpu)) {
			t.Errorf("CPU %d: got %v, want an error that names it", cpu, err)
		}
	}
}
