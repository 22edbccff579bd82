package capacity

import (
	"strings"
	"testing"
	"testing/fstest"
)

// tree is a file system of name and text.
func tree(pairs ...string) fstest.MapFS {
	t := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		t[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return t
}

func TestSystemLimits(t *testing.T) {
	got := map[string]Limit{}
	for _, l := range systemLimits(tree(
		"proc/self/cgroup", "0::/system.slice/weir.service\n",
		"sys/fs/cgroup/system.slice/weir.service/memory.max", "max\n",
		"sys/fs/cgroup/system.slice/memory.max", "1073741824\n",
		"proc/sys/fs/file-nr", "1000\t0\t100000\n",
		"proc/sys/net/netfilter/nf_conntrack_max", "65536\n",
		"proc/sys/net/netfilter/nf_conntrack_count", "36\n",
		"proc/sys/net/ipv4/tcp_mem", "100\t200\t3000\n",
		"proc/sys/net/core/somaxconn", "4096\n",
		"proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n",
	), 4096) {
		got[l.Name] = l
		if l.Fix == "" {
			t.Errorf("%s has no fix", l.Name)
		}
	}
	for name, want := range map[string]int64{
		"cgroup memory": 188743, "file-max": 99000, "conntrack": 65500,
		"tcp_mem": 1500, "somaxconn": 4096, "ip_local_port_range": 28232,
	} {
		if got[name].Conns != want {
			t.Errorf("%s: got %+v, want %d connections", name, got[name], want)
		}
	}
}

func TestGroupMemory(t *testing.T) {
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  uint64
	}{
		{"version 2, in a container", tree("proc/self/cgroup", "0::/\n", "sys/fs/cgroup/memory.max", "512\n"), 512},
		{"version 1", tree("proc/self/cgroup", "5:cpu:/\n4:memory:/a/b\n0::/\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "2048\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n"), 2048},
		{"version 1, none", tree("proc/self/cgroup", "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"), 0},
		{"the least of all", tree("proc/self/cgroup", "0::/a\n", "sys/fs/cgroup/a/memory.max", "3000\n", "sys/fs/cgroup/memory.max", "2000\n"), 2000},
		{"none", tree("proc/self/cgroup", "0::/a\n"), 0},
		{"no groups", tree(), 0},
		{"nonsense", tree("proc/self/cgroup", "0::\nx\n::::\n0::../../..\n", "sys/fs/cgroup/memory.max", "many\n"), 0},
	} {
		if got, ok := groupMemory(test.files); got != test.want || ok != (test.want > 0) {
			t.Errorf("%s: got %d, %v, want %d", test.name, got, ok, test.want)
		}
	}
}

func TestMachineMemory(t *testing.T) {
	l, ok := memoryLimit(tree("proc/meminfo", "MemTotal:  9 kB\nMemAvailable:   5120 kB\n"))
	if !ok || l.Name != "memory" || l.Conns != 921 {
		t.Errorf("got %+v, %v", l, ok)
	}
}

// TestReport: the least limit of what can be open binds; others are only shown.
func TestReport(t *testing.T) {
	r := newReport([]Limit{{Name: "a", Conns: 50, Of: Open, Fix: "x"}, {Name: "b", Conns: 20, Of: Open, Fix: "y"}, {Name: "c", Conns: 1, Of: Waiting}})
	if r.Binds != "b" || r.Conns != 20 || r.Fix() != "y" {
		t.Errorf("got %+v", r)
	}
	if r := Measure(); r.Conns <= 0 || r.Binds == "" || r.Fix() == "" {
		t.Errorf("this machine: got %+v", r)
	}
}

// TestBinds: whichever limit is the least of what can be open is named, with what
// raises it.
func TestBinds(t *testing.T) {
	wide := []string{
		"proc/self/cgroup", "0::/weir\n", "sys/fs/cgroup/weir/memory.max", "1099511627775\n", "proc/sys/fs/file-nr", "0 0 9000000\n",
		"proc/sys/net/netfilter/nf_conntrack_max", "9000000\n", "proc/sys/net/ipv4/tcp_mem", "1 2 3\n",
		"proc/sys/net/core/somaxconn", "128\n", "proc/sys/net/ipv4/ip_local_port_range", "32768 60999\n",
	}
	for _, test := range []struct {
		name, file, text string
		nofile           uint64
		want, fix        string
		conns            int64
	}{
		{"descriptors", "", "", 1024, "nofile", "LimitNOFILE=", 960},
		{"a container's memory", "sys/fs/cgroup/weir/memory.max", "67108864\n", 1 << 20, "cgroup memory", "MemoryMax=", 11796},
		{"all processes' descriptors", "proc/sys/fs/file-nr", "900 0 1000\n", 1 << 20, "file-max", "sysctl -w fs.file-max=", 100},
		{"the firewall", "proc/sys/net/netfilter/nf_conntrack_max", "5000\n", 1 << 20, "conntrack", "sysctl -w net.netfilter.nf_conntrack_max=", 5000},
	} {
		root := tree(append(wide, test.file, test.text)...)
		r := newReport(append([]Limit{files(test.nofile)}, systemLimits(root, 4096)...))
		if r.Binds != test.want || r.Conns != test.conns || !strings.Contains(r.Fix(), test.fix) || len(r.Limits) != 7 {
			t.Errorf("%s: got %+v, want %s, %d", test.name, r, test.want, test.conns)
		}
	}
}
