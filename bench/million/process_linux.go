package million

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// userTick is the unit of CPU time in /proc: USER_HZ is 100 on every architecture.
const userTick = 10 * time.Millisecond

// memoryOf reads the private memory and the RSS of a process.
func memoryOf(pid int) (private, rss int64, err error) {
	path := "/proc/" + strconv.Itoa(pid) + "/smaps_rollup"
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("million: %w", err)
	}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(string(fields[1]), 10, 64) // the first line has no number
		switch string(fields[0]) {
		case "Private_Clean:", "Private_Dirty:":
			private += kib << 10
		case "Rss:":
			rss = kib << 10
		}
	}
	if rss == 0 {
		return 0, 0, fmt.Errorf("million: %s has no Rss", path)
	}
	return private, rss, nil
}

// cpuOf reads utime + stime of a process.
func cpuOf(pid int) (time.Duration, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("million: %w", err)
	}
	// The name of the program, in parentheses, may hold anything. What follows it
	// begins with field 3; utime is field 14 and stime field 15.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("million: %s is too short", path)
	}
	utime, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	stime, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("million: %s: no CPU time in %q", path, b)
	}
	return time.Duration(utime+stime) * userTick, nil
}

// kernelMemory is what the kernel holds for sockets, descriptors and page tables.
func kernelMemory() int64 {
	return int64(meminfo("Slab", "VmallocUsed", "PageTables", "KernelStack"))
}
