package address

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/weirws/weir/cmd/weir/internal/holder"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// portsTried bounds the search for a free port to suggest.
const portsTried = 32

// Explain makes a [problem.Problem] of the error of listening on addr, which
// passed Check. command is the command line up to the flag and with it, as
// "weir serve --listen".
func Explain(err error, addr, command string) error {
	if strings.HasPrefix(addr, unixPrefix) {
		return explainUnix(err, addr, command)
	}
	host, port, _ := net.SplitHostPort(addr) // Check has split it before
	var dns *net.DNSError
	switch {
	case errors.Is(err, errInUse):
		return busyPort(err, host, port, command)
	case errors.Is(err, errAccess):
		return forbidden(err, host, port, command)
	case errors.Is(err, errNotAvailable):
		return problem.Bind(err, "this machine has no address "+host,
			fmt.Sprintf("Listen on this machine only: %s 127.0.0.1:%s\nOr on all its addresses: %s :%s", command, port, command, port))
	case errors.As(err, &dns):
		return problem.Bind(err, "no address is known for the host "+host,
			"Name one of this machine's: "+command+" 127.0.0.1:"+port)
	}
	return problem.Bind(err, "cannot listen on "+addr+": "+cause(err), "Pick another address: "+command+" 127.0.0.1:8080")
}

// explainUnix is Explain for "unix:/path".
func explainUnix(err error, addr, command string) error {
	path := strings.TrimPrefix(addr, unixPrefix)
	elsewhere := command + " " + unixPrefix + filepath.Join(os.TempDir(), "weir.sock")
	switch {
	case errors.Is(err, errInUse):
		if p, ok := holder.Of(addr); ok {
			return problem.Bind(err, "socket busy: "+path+heldBy(p), "Stop that one, or pick another path: "+elsewhere)
		}
		return problem.Bind(err, "socket busy: "+path+" exists already", "If no server uses it any more, remove it: rm "+path)
	case errors.Is(err, errAccess):
		return problem.Bind(err, "no permission to create the socket "+path, "Pick a directory that you may write to: "+elsewhere)
	case errors.Is(err, fs.ErrNotExist):
		return problem.Bind(err, "the directory of "+path+" does not exist", "Create it, or pick another path: "+elsewhere)
	case errors.Is(err, syscall.EINVAL):
		return problem.Bind(err, "the path "+path+" is too long for a socket", "Pick one below 100 bytes: "+elsewhere)
	}
	return problem.Bind(err, "cannot listen on "+addr+": "+cause(err), "Pick another path: "+elsewhere)
}

func heldBy(p holder.Process) string {
	return fmt.Sprintf(" is held by %s (pid %d: %s)", p.Name, p.PID, p.Command)
}

// busyPort is about a port on which another socket listens.
func busyPort(err error, host, port, command string) error {
	addr := net.JoinHostPort(host, port)
	by, stop := " is held by another program", "See which with: ss -ltnp 'sport = :"+port+"'\nStop it"
	if p, ok := holder.Of(addr); ok {
		by, stop = heldBy(p), "Stop that one"
	}
	if next, ok := freePort(host, port); ok {
		return problem.Bind(err, "port busy: "+addr+by, stop+", or listen elsewhere: "+command+" "+next)
	}
	return problem.Bind(err, "port busy: "+addr+by, stop+", or pick another port.")
}

// forbidden is about a port that is not for everyone.
func forbidden(err error, host, port, command string) error {
	const granted = "Or grant it: sudo setcap cap_net_bind_service=+ep "
	high := "8080"
	if n, err := strconv.Atoi(port); err == nil && n < 1024 {
		high = strconv.Itoa(8000 + n)
	}
	fix := "Take a port from 1024 up: " + command + " " + net.JoinHostPort(host, high)
	if self, err := os.Executable(); err == nil {
		fix += "\n" + granted + self
	}
	return problem.Bind(err, "no permission to listen on port "+port, fix)
}

// freePort returns the next address above port that can be listened on now.
func freePort(host, port string) (string, bool) {
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", false
	}
	for next := n + 1; next <= min(n+portsTried, 65535); next++ {
		addr := net.JoinHostPort(host, strconv.Itoa(next))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = ln.Close() // it was never used
		return addr, true
	}
	return "", false
}

// cause is the innermost error's text: the outer ones repeat the address.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}
