package million

import (
	"bytes"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// readMachine reads the limits of this machine.
func readMachine() *machine {
	return &machine{
		linux:       true,
		amd64:       runtime.GOARCH == "amd64",
		tiles:       hasTiles(),
		memory:      min(meminfo("MemAvailable"), groupMemory()),
		descriptors: hardDescriptors(),
		files:       freeFiles(),
		watches:     number("/proc/sys/fs/epoll/max_user_watches"),
		tracked:     less(number("/proc/sys/net/netfilter/nf_conntrack_max"), zeroIfNone(number("/proc/sys/net/netfilter/nf_conntrack_count"))),
		mappings:    number("/proc/sys/vm/max_map_count"),
		room:        roomiest(directories()),
	}
}

// hasTiles reports whether the processor has AMX, as far as the kernel lets programs
// see it.
func hasTiles() bool {
	b, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && bytes.Contains(b, []byte(" amx_tile "))
}

// hardDescriptors is what the process may raise its limit to.
func hardDescriptors() uint64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return r.Max
}

// freeFiles is how many files more may be opened on this machine.
func freeFiles() uint64 {
	b, err := os.ReadFile("/proc/sys/fs/file-nr") // in use, 0, most
	if err != nil {
		return unlimited
	}
	fields := bytes.Fields(b)
	if len(fields) != 3 {
		return unlimited
	}
	return less(parse(fields[2]), zeroIfNone(parse(fields[0])))
}

// groupMemory is what the control group of this process leaves it.
func groupMemory() uint64 {
	most := number("/sys/fs/cgroup/memory.max")
	return less(most, zeroIfNone(number("/sys/fs/cgroup/memory.current")))
}

// meminfo sums lines of /proc/meminfo, in bytes.
func meminfo(names ...string) (sum uint64) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		for _, wanted := range names {
			if fields := bytes.Fields(value); string(name) == wanted && len(fields) > 0 {
				sum += zeroIfNone(parse(fields[0])) << 10
			}
		}
	}
	return sum
}

// number reads a file with one number; unlimited if there is none.
func number(path string) uint64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return unlimited
	}
	return parse(bytes.TrimSpace(b))
}

// parse reads a number; unlimited if it is none, like "max".
func parse(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return unlimited
	}
	return n
}

// zeroIfNone turns what is unlimited into 0.
func zeroIfNone(n uint64) uint64 {
	if n == unlimited {
		return 0
	}
	return n
}

// directory is where a guest may keep its memory, in a file without a name.
type directory struct {
	path string
	room uint64 // bytes
}

// directories are those that can be written to and run programs: memory first.
func directories() (found []directory) {
	for _, path := range []string{"/dev/shm", os.TempDir()} {
		var s unix.Statfs_t
		if unix.Statfs(path, &s) != nil || s.Flags&unix.ST_NOEXEC != 0 || unix.Access(path, unix.W_OK) != nil {
			continue
		}
		found = append(found, directory{path, s.Bavail * uint64(s.Bsize)})
	}
	return found
}

// roomiest is the room in the largest of the directories.
func roomiest(dirs []directory) (room uint64) {
	for _, d := range dirs {
		room = max(room, d.room)
	}
	return room
}
