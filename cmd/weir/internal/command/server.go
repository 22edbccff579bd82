package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/address"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
)

// drainTime bounds the farewell to the clients; the engine's own bound for one
// of them is shorter.
const drainTime = 10 * time.Second

// server is what serve and echo run.
type server interface {
	Listen(addr string) (net.Listener, error)
	Serve(ln net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// run listens on addr, tells where, and serves until ctx ends, then says
// goodbye to all clients. command is the command line up to the flag of addr.
func run(ctx context.Context, s server, addr, command string, tell func(net.Addr)) error {
	defer s.Close()
	ln, err := address.Listen(addr, func() (net.Listener, error) { return s.Listen(addr) })
	if err != nil {
		return address.Explain(err, addr, command)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }() // ends on Shutdown and Close
	tell(ln.Addr())
	select {
	case err := <-served:
		return problem.Failure(err, "the server ended: "+err.Error(), "")
	case <-ctx.Done():
	}
	signal.Reset(os.Interrupt, syscall.SIGTERM) // a second one ends the process, once the first client is told
	if terminal.Is(os.Stderr) {
		fmt.Fprintln(os.Stderr, "\nweir: saying goodbye to the clients; Ctrl-C again ends at once")
	}
	drained, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := s.Shutdown(drained); errors.Is(err, context.DeadlineExceeded) {
		return &problem.Problem{Exit: problem.ExitLeft, What: fmt.Sprintf("some clients did not go within %v and were cut off", drainTime), Err: err}
	}
	return nil
}

// newLog logs to stderr: text for people, JSON for programs. flush writes what
// waits.
func newLog(level slog.Level) (log *slog.Logger, flush func()) {
	return logToStderr(terminal.Is(os.Stderr), level)
}

// logToStderr logs to stderr, which may be a pipe whose reader goes: weir goes on
// then, and SIGPIPE would end it.
func logToStderr(text bool, level slog.Leveler) (log *slog.Logger, flush func()) {
	signal.Ignore(syscall.SIGPIPE)
	return logTo(os.Stderr, text, level)
}

// logTo logs to w, which nobody waits for.
func logTo(w io.Writer, text bool, level slog.Leveler) (log *slog.Logger, flush func()) {
	to := func(w io.Writer) *slog.Logger {
		o := &slog.HandlerOptions{Level: level}
		if text {
			return slog.New(slog.NewTextHandler(w, o))
		}
		return slog.New(slog.NewJSONHandler(w, o))
	}
	lines := newLogLines(w, func(lost int) { to(w).Error("lines of the log are lost: the file or pipe took none", "lines", lost) })
	return to(lines), lines.flush
}
