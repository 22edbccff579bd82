package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine is where it was measured.
type machine struct {
	cpu, kernel, goVersion string
	cpus                   int
	pinning                string
	date                   time.Time
	bun                    string // its version, once it is installed
}

// readMachine reads it, before this process is bound to one CPU.
func readMachine(o *options) (*machine, error) {
	m := &machine{goVersion: runtime.Version(), cpus: runtime.NumCPU(), date: time.Now(), cpu: runtime.GOARCH, kernel: runtime.GOOS}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.kernel = "Linux " + strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	for _, cpu := range []int{o.serverCPU, o.clientCPU} {
		if cpu >= 0 && !slices.Contains(allowedCPUs(), cpu) {
			return nil, fmt.Errorf("there is no CPU %d for this process: give --server-cpu -1 --client-cpu -1", cpu)
		}
	}
	m.pinning = "not bound to CPUs"
	if o.serverCPU >= 0 && o.clientCPU >= 0 {
		m.pinning = fmt.Sprintf("server on CPU %d, generator on CPU %d", o.serverCPU, o.clientCPU)
	}
	return m, nil
}

// version is that of a peer, as far as it can be found out.
func (c *comparison) version(p *peer) string {
	switch {
	case p.module != "":
		out, err := c.output("go", "list", "-m", "-f", "{{.Version}}", p.module)
		if err == nil {
			return out
		}
	case p.group == ours:
		out, err := c.output("git", "describe", "--always", "--dirty", "--tags")
		if err == nil {
			return out
		}
	case p.name == "bun":
		return c.machine.bun
	case p.name == "ws":
		node, err := c.output("node", "--version")
		if err != nil {
			return ""
		}
		return fmt.Sprintf("ws %s, bufferutil %s, Node %s", c.npmVersion("ws"), c.npmVersion("bufferutil"), node)
	}
	return ""
}

// output is what a program says in one line.
func (c *comparison) output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = c.root
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// npmVersion is that of an installed package.
func (c *comparison) npmVersion(name string) string {
	b, err := os.ReadFile(filepath.Join(c.root, "node_modules", name, "package.json"))
	if err != nil {
		return "?"
	}
	var p struct{ Version string }
	if err := json.Unmarshal(b, &p); err != nil {
		return "?"
	}
	return p.Version
}
