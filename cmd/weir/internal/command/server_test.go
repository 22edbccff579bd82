package command

import (
	"context"
	"net"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/echo"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// unfinished is a server that some clients do not leave.
type unfinished struct{ *echo.Server }

func (unfinished) Shutdown(context.Context) error { return context.DeadlineExceeded }

// TestRunLeavesClients: the exit code says that clients were left.
func TestRunLeavesClients(t *testing.T) {
	s, err := echo.New(echo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = run(ctx, unfinished{s}, "127.0.0.1:0", "weir echo --listen", func(net.Addr) { cancel() })
	if got := problem.Exit(err); got != problem.ExitLeft {
		t.Errorf("got exit code %d of %v, want %d", got, err, problem.ExitLeft)
	}
}
