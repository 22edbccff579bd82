package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/bench/million"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
)

const millionLong = `One weir echo holds them, and each has to answer a ping. Where the limits of
this machine forbid so many, both ends run in a guest kernel, User Mode Linux,
which needs no root; it is fetched from Debian if it is not here. A processor
with AMX does not run it.
The exit code is 1 if an upgrade, an echo or a ping fails, or if a connection
costs the server more than --budget.`

// millionFlags are the flags of weir bench million.
type millionFlags struct {
	million.Options
	json bool
	svg  string
}

func newBenchMillion() *cobra.Command {
	f := millionFlags{}
	cmd := &cobra.Command{
		Use:   "million",
		Short: "Hold a million connections in one process of weir",
		Long:  millionLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkNumbers(cmd); err != nil {
				return err
			}
			return runMillion(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.Conns, "conns", 0, "`N` connections; 0: a million, or what the memory holds")
	flags.IntVar(&f.Budget, "budget", million.DefaultBudget, "`BYTES` most that a connection may cost; 0: any")
	flags.DurationVar(&f.KeepAlive, "keepalive", 0, "`DURATION` silence before a ping; 0: no pings")
	flags.DurationVar(&f.Idle, "idle", million.DefaultIdle, "`DURATION` how long to watch the idle CPU")
	flags.DurationVar(&f.Timeout, "timeout", million.DefaultTimeout, "`DURATION` of the whole run, at most")
	flags.StringVar((*string)(&f.Way), "way", "", "`WAY` host or uml; the first that works")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	flags.StringVar(&f.svg, "svg", "", "`FILE` plot memory over connections there")
	return cmd
}

// newMillionGuest is what the guest's kernel starts.
func newMillionGuest() *cobra.Command {
	return &cobra.Command{
		Use:    million.GuestCommand,
		Hidden: true,
		Args:   noArguments,
		RunE:   func(*cobra.Command, []string) error { return million.Guest() },
	}
}

// runMillion runs it, with this very program on both ends if a guest can run it.
func runMillion(cmd *cobra.Command, f millionFlags) error {
	o := f.Options
	if o.Budget == 0 {
		o.Budget = -1
	}
	if self, err := os.Executable(); err == nil && million.CheckStatic(self) == nil {
		o.Server, o.Holder = []string{self, "echo"}, []string{self, million.GuestCommand}
	}
	o.Log = func(line string) { fmt.Fprintln(os.Stderr, line) }
	bar := terminal.Is(os.Stderr)
	if bar {
		o.Progress = bench.ProgressBar(os.Stderr)
	}
	r, err := million.Run(cmd.Context(), o)
	if bar {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if err == nil {
		err = errors.Join(f.show(cmd, r), r.Verdict())
	}
	if err != nil {
		return problem.Failure(err, strings.TrimPrefix(err.Error(), "million: "), "")
	}
	return nil
}

// show writes the result.
func (f *millionFlags) show(cmd *cobra.Command, r *million.Result) error {
	write := r.WriteTable
	if f.json {
		write = r.WriteJSON
	}
	if err := write(cmd.OutOrStdout()); err != nil || f.svg == "" {
		return err
	}
	plot, err := os.Create(f.svg)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteSVG(plot), plot.Close())
}
