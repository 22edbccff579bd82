package memory

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// groups is where control groups are mounted.
const groups = "/sys/fs/cgroup"

// Now returns the State of this moment. It reads a few small files of the
// kernel's.
func Now() (State, bool) {
	machine, ok := ofMachine("/proc/meminfo")
	if group, limited := ofGroup(groups, "/proc/self/cgroup"); limited && (!ok || group.Limit < machine.Limit) {
		return group, true
	}
	return machine, ok
}

// ofMachine reads /proc/meminfo.
func ofMachine(file string) (State, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return State{}, false
	}
	total, ok := field(text, "MemTotal:")
	available, there := field(text, "MemAvailable:")
	return State{Limit: total << 10, Used: (total - available) << 10}, ok && there
}

// ofGroup finds the smallest limit among the control group of this process and
// those around it.
func ofGroup(mount, file string) (State, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return State{}, false
	}
	var least State
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, read := mount, ofV2
		switch {
		case parts[0] == "0":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			root, read = filepath.Join(mount, "memory"), ofV1
		default:
			continue
		}
		for dir := filepath.Join(root, parts[2]); strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
			if s, ok := read(dir); ok && (least.Limit == 0 || s.Limit < least.Limit) {
				least = s
			}
		}
	}
	return least, least.Limit > 0
}

// ofV2 reads a group of the unified hierarchy.
func ofV2(dir string) (State, bool) {
	return ofFiles(dir, "memory.max", "memory.current", "inactive_file")
}

// ofV1 reads a group of the memory hierarchy. One without a limit has a number
// near the greatest there is.
func ofV1(dir string) (State, bool) {
	s, ok := ofFiles(dir, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
	return s, ok && s.Limit < 1<<60
}

func ofFiles(dir, limit, used, cache string) (State, bool) {
	l, ok := number(filepath.Join(dir, limit))
	u, there := number(filepath.Join(dir, used))
	if !ok || !there || l <= 0 {
		return State{}, false
	}
	if text, err := os.ReadFile(filepath.Join(dir, "memory.stat")); err == nil {
		if c, ok := field(text, cache); ok {
			u = max(u-c, 0)
		}
	}
	return State{Limit: l, Used: u, Group: true}, true
}

// number reads a file that holds a number; "max" is none.
func number(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// field finds the number behind a name at the beginning of a line.
func field(text []byte, name string) (int64, bool) {
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) > 1 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Resident is the memory of this process that is not on disk, in bytes.
func Resident() (int64, bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	kib, ok := field(text, "VmRSS:")
	return kib << 10, ok
}
