// Package holder finds out who listens on an address, through /proc. Where
// there is no such file system, or it does not tell, it knows nothing.
package holder

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// maxCommand bounds what is told of a command line.
const maxCommand = 60

// Process is a running program.
type Process struct {
	PID     int
	Name    string // of the program, as "weir"
	Command string // its command line, cut to one readable line
}

// Of returns a process that listens on addr, which is "host:port" with a
// number for the port, or "unix:/path".
func Of(addr string) (Process, bool) { return of("/proc", addr) }

func of(proc, addr string) (Process, bool) {
	inodes := map[string]bool{}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		unixInodes(proc, path, inodes)
	} else {
		tcpInodes(proc, addr, inodes)
	}
	if len(inodes) == 0 {
		return Process{}, false
	}
	dirs, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		return Process{}, false
	}
	for _, dir := range dirs {
		if holds(dir, inodes) {
			return process(dir)
		}
	}
	return Process{}, false
}

// tcpInodes gathers the listening sockets that stand in the way of addr.
func tcpInodes(proc, addr string, inodes map[string]bool) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return
	}
	port, err := strconv.ParseUint(addr[i+1:], 10, 16)
	if err != nil {
		return
	}
	wanted, err := netip.ParseAddr(strings.Trim(addr[:i], "[]"))
	any := err != nil || wanted.IsUnspecified() // a name, or none
	const listening = "0A"
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		for _, f := range rows(filepath.Join(proc, table)) {
			if len(f) < 10 || f[3] != listening {
				continue
			}
			at, ok := parseAddrPort(f[1])
			if !ok || at.Port() != uint16(port) {
				continue
			}
			if any || at.Addr().IsUnspecified() || at.Addr() == wanted.Unmap() {
				inodes[f[9]] = true
			}
		}
	}
}

// unixInodes gathers the sockets bound to path.
func unixInodes(proc, path string, inodes map[string]bool) {
	for _, f := range rows(filepath.Join(proc, "net/unix")) {
		if len(f) >= 8 && strings.Join(f[7:], " ") == path {
			inodes[f[6]] = true
		}
	}
}

// rows returns the fields of the lines of a table below its head.
func rows(name string) (rows [][]string) {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan()
	for lines.Scan() {
		rows = append(rows, strings.Fields(lines.Text()))
	}
	return rows
}

// parseAddrPort reads "0100007F:1F90": words of four bytes, each in the
// machine's order, which is little endian wherever weir runs.
func parseAddrPort(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for w := 0; w < len(b); w += 4 {
		b[w], b[w+1], b[w+2], b[w+3] = b[w+3], b[w+2], b[w+1], b[w]
	}
	addr, ok := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok && err == nil
}

// holds says whether the process of dir has one of the sockets open. It is
// false for a process whose descriptors are not ours to see.
func holds(dir string, inodes map[string]bool) bool {
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if err != nil {
			continue
		}
		inode, ok := strings.CutPrefix(target, "socket:[")
		if ok && inodes[strings.TrimSuffix(inode, "]")] {
			return true
		}
	}
	return false
}

func process(dir string) (Process, bool) {
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return Process{}, false
	}
	name, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return Process{}, false
	}
	command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return Process{}, false
	}
	line := strings.TrimRight(strings.ReplaceAll(string(command), "\x00", " "), " ")
	return Process{PID: pid, Name: printable(strings.TrimSpace(string(name))), Command: printable(line)}, true
}

// printable cuts s to one line that is safe on a terminal: another user chose
// what is in it.
func printable(s string) string {
	var b strings.Builder
	for i, r := range []rune(strings.ToValidUTF8(s, "?")) {
		if i == maxCommand {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
