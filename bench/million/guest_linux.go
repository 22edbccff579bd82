package million

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// What a guest finds in its first file system.
const (
	guestInit   = "init"
	guestServer = "server"
	guestPlan   = "plan.json"
)

// guestSettings are the kernel's settings in a guest, whose memory and limits are all
// its own: descriptors for both ends, ports and memory for as many sockets.
var guestSettings = []struct{ path, value string }{
	{"fs/file-max", "9000000"},
	{"fs/nr_open", "4000000"},
	{"fs/epoll/max_user_watches", "9000000"},
	{"net/ipv4/ip_local_port_range", "1024 65535"},
	{"net/core/somaxconn", "65535"},
	{"net/ipv4/tcp_max_syn_backlog", "65535"},
	{"net/ipv4/tcp_mem", "3000000 4000000 5000000"},
	{"net/ipv4/tcp_syncookies", "0"},
}

// guestDescriptors is the limit of a process in a guest.
const guestDescriptors = 3_500_000

// Guest is all that the program of Options.Holder does: as the first process of a guest
// kernel it measures what the file plan.json says, tells Run on its standard output, and
// powers the guest off, also when the process of Run dies. Anywhere else it returns an
// error at once.
func Guest() error {
	if os.Getpid() != 1 {
		return errors.New("million: this is for the first process of a guest that Run starts")
	}
	go func() { // ends with the guest
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends when the process of Run does, however that is
		_ = powerOff()
	}()
	e := event{}
	var err error
	if e.Result, err = guest(os.Stdout); err != nil {
		e.Error = err.Error()
	}
	return errors.Join(writeEvent(os.Stdout, e), powerOff())
}

// powerOff ends the guest.
func powerOff() error {
	return os.NewSyscallError("reboot", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

// guest prepares the guest and measures.
func guest(out io.Writer) (*Result, error) {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return nil, fmt.Errorf("million: guest: %w", os.NewSyscallError("mount", err))
	}
	for _, s := range guestSettings {
		if err := os.WriteFile("/proc/sys/"+s.path, []byte(s.value), 0o600); err != nil {
			return nil, fmt.Errorf("million: guest: %w", err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: guestDescriptors, Max: guestDescriptors}); err != nil {
		return nil, fmt.Errorf("million: guest: %w", os.NewSyscallError("setrlimit", err))
	}
	all := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &all); err != nil {
		return nil, fmt.Errorf("million: guest: %w", os.NewSyscallError("setrlimit", err))
	}
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("million: guest: lo: %w", err)
	}
	b, err := os.ReadFile("/" + guestPlan)
	if err != nil {
		return nil, fmt.Errorf("million: guest: %w", err)
	}
	var p plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("million: guest: %w", err)
	}
	m, err := begin(context.Background(), &p, func(e event) {
		_ = writeEvent(out, e) // the process of Run has gone, and the guest with it
	})
	if err != nil {
		return nil, err
	}
	return m.run() // what it holds goes when the power does
}

// loopbackUp brings the loopback interface up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r))
}
