package capacity

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// limits are those of the process, its control group and the kernel.
func limits() []Limit {
	var found []Limit
	if most, ok := descriptors(); ok {
		found = append(found, files(most))
	}
	return append(found, systemLimits(os.DirFS("/"), os.Getpagesize())...)
}

// systemLimits are those that stand in files below root. What is not there
// limits nothing.
func systemLimits(root fs.FS, pageBytes int) []Limit {
	var found []Limit
	add := func(l Limit, ok bool) {
		if ok {
			found = append(found, l)
		}
	}
	add(memoryLimit(root))
	add(systemFiles(root))
	add(tracked(root))
	if pages := numbers(root, "proc/sys/net/ipv4/tcp_mem"); len(pages) == 3 {
		add(Limit{Name: "tcp_mem", Value: clamp(pages[2] * uint64(pageBytes)), Unit: Bytes, Conns: clamp(pages[2] / pagesPerConn), Of: Busy,
			Fix: sysctl("net.ipv4.tcp_mem", `"786432 1048576 1572864"`)}, true)
	}
	if n := numbers(root, "proc/sys/net/core/somaxconn"); len(n) == 1 {
		add(Limit{Name: "somaxconn", Value: clamp(n[0]), Conns: clamp(n[0]), Of: Waiting, Fix: sysctl("net.core.somaxconn", 65535)}, true)
	}
	if r := numbers(root, "proc/sys/net/ipv4/ip_local_port_range"); len(r) == 2 && r[1] >= r[0] {
		ports := clamp(r[1] - r[0] + 1)
		add(Limit{Name: "ip_local_port_range", Value: ports, Conns: ports, Of: Proxied,
			Fix: sysctl("net.ipv4.ip_local_port_range", `"1024 65535"`) + ", on the proxy's machine; or more addresses for weir"}, true)
	}
	return found
}

// systemFiles is what is left of the descriptors of all processes.
func systemFiles(root fs.FS) (Limit, bool) {
	n := numbers(root, "proc/sys/fs/file-nr") // allocated, free, most
	if len(n) != 3 {
		return Limit{}, false
	}
	return Limit{Name: "file-max", Value: clamp(n[2]), Conns: max(clamp(n[2])-clamp(n[0]), 0), Of: Open, Fix: sysctl("fs.file-max", 4194304)}, true
}

// tracked is what is left of the firewall's table of connections.
func tracked(root fs.FS) (Limit, bool) {
	most, used := numbers(root, "proc/sys/net/netfilter/nf_conntrack_max"), numbers(root, "proc/sys/net/netfilter/nf_conntrack_count")
	if len(most) != 1 || most[0] == 0 {
		return Limit{}, false
	}
	left := clamp(most[0])
	if len(used) == 1 {
		left = max(left-clamp(used[0]), 0)
	}
	return Limit{Name: "conntrack", Value: clamp(most[0]), Conns: left, Of: Open, Fix: sysctl("net.netfilter.nf_conntrack_max", 2097152) + ", or NOTRACK for weir's port"}, true
}

// memoryLimit is the least of what the control group and its parents allow, or
// what the machine has.
func memoryLimit(root fs.FS) (Limit, bool) {
	if most, ok := groupMemory(root); ok {
		return memory("cgroup memory", most, "raise the memory limit of the container or unit: MemoryMax=, resources.limits.memory"), true
	}
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return Limit{}, false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			if kib, err := strconv.ParseUint(f[1], 10, 53); err == nil {
				return memory("memory", kib<<10, "free some, or add some"), true
			}
		}
	}
	return Limit{}, false
}

// groupMemory finds the least limit on the way from the process's control group
// to the root, in version 2 of the hierarchy and in version 1.
func groupMemory(root fs.FS) (least uint64, found bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		mount, name := "sys/fs/cgroup", "memory.max"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mount, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Join("/", parts[2]); ; group = path.Dir(group) {
			// No limit is "max", or in version 1 more than any machine has.
			if n := numbers(root, path.Join(mount, group, name)); len(n) == 1 && n[0] < 1<<50 && (!found || n[0] < least) {
				least, found = n[0], true
			}
			if group == "/" {
				break
			}
		}
	}
	return least, found
}

// numbers are those in a file, or nil if there is anything else in it.
func numbers(root fs.FS, name string) []uint64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil
	}
	var list []uint64
	for word := range strings.FieldsSeq(string(text)) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}
