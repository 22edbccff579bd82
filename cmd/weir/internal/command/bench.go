package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/cmd/weir/internal/holder"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
	"github.com/weirws/weir/cmd/weir/internal/trust"
)

const benchLong = "Every byte that comes back is compared. Each scenario has flags of its own."

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench SCENARIO URL",
		Short: "Measure a WebSocket server, ours or another",
		Long:  benchLong,
		Example: `weir bench echo --conns 1000 --pid $(pidof weir) ws://127.0.0.1:9001/echo
weir bench idle --pid $(pidof weir) ws://127.0.0.1:9001/echo`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && strings.Contains(args[0], "://") {
				return problem.Usage("weir bench wants a scenario before the URL", "Try: weir bench echo "+shellWord(args[0]))
			}
			return knownCommand(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchEcho(), newBenchRate(), newBenchBroadcast(), newBenchIdle(), newBenchConnect(), newBenchChurn(), newBenchSoak(), newBenchMillion(), newBenchHostile())
	return cmd
}

// measurement is one run of a scenario.
type measurement struct {
	bench.Target
	headers []string
	trust   trust.Trust
	cpu     int
	json    bool
	out     string
	// run runs the scenario against a target.
	run func(context.Context, bench.Target) (*bench.Result, error)
}

// newScenario returns the command of one scenario, without its flags.
func newScenario(m *measurement, name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name + " URL",
		Short: short,
		Args:  oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNumbers(cmd); err != nil {
				return err
			}
			var err error
			if m.Header, err = parseHeaders(m.headers); err != nil {
				return err
			}
			if m.URL, err = parseURL(args[0]); err != nil {
				return err
			}
			if m.TLS, err = m.trust.Config(m.URL); err != nil {
				return err
			}
			return m.measure(cmd)
		},
	}
	cmd.Flags().SortFlags = false
	return cmd
}

// addTo adds the flags that every scenario has.
func (m *measurement) addTo(cmd *cobra.Command) *cobra.Command {
	flags := cmd.Flags()
	flags.IntVar(&m.PID, "pid", 0, "`N` the server's process, for its CPU and memory")
	flags.StringVar((*string)(&m.Compression), "compress", "", "`HOW` offer deflate: alone or context")
	flags.IntVar(&m.cpu, "cpu", -1, "`N` CPU to stay on")
	flags.StringArrayVarP(&m.headers, "header", "H", nil, "`LINE` send 'Name: value' with the requests; repeatable")
	addTrust(flags, &m.trust)
	flags.BoolVar(&m.json, "json", false, "write the result as JSON")
	flags.StringVar(&m.out, "out", "", "`DIR` write plots there, as SVG")
	return cmd
}

// checkNumbers refuses negative ones, and a 0 where it means neither none nor the default.
func checkNumbers(cmd *cobra.Command) error {
	mayBeNone := []string{"size", "warmup", "churn", "budget"}
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" || f.Value.Type() == "stringArray" {
			return
		}
		is, value := "", f.Value.String()
		switch {
		case strings.HasPrefix(value, "-"):
			is = "negative"
		case (value == "0" || value == "0s") && value != f.DefValue && !slices.Contains(mayBeNone, f.Name):
			is = value
		default:
			return
		}
		wrong = problem.Usage(fmt.Sprintf("%s: --%s is %s", cmd.CommandPath(), f.Name, is), "See: "+cmd.CommandPath()+" --help")
	})
	return wrong
}

// measure runs the scenario and shows its result.
func (m *measurement) measure(cmd *cobra.Command) error {
	if m.cpu >= 0 {
		if err := bench.Pin(m.cpu); err != nil {
			return problem.Failure(err, fmt.Sprintf("cannot stay on CPU %d: %s", m.cpu, unprefixed(err)), "Leave --cpu out, or name another.")
		}
	}
	bar := terminal.Is(os.Stderr)
	if bar {
		m.Progress = bench.ProgressBar(os.Stderr)
	}
	result, err := m.run(cmd.Context(), m.Target)
	if bar {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if result != nil {
		if err := m.show(cmd, result); err != nil {
			return err
		}
	}
	if err == nil && result.Endings != nil && result.Endings.Failed > 0 {
		err = fmt.Errorf("%d connections came to a bad end, the first of them: %s", result.Endings.Failed, result.Endings.Failures[0])
	}
	return m.explain(cmd, err)
}

// show writes the result.
func (m *measurement) show(cmd *cobra.Command, result *bench.Result) error {
	write := result.WriteTable
	if m.json {
		write = result.WriteJSON
	}
	if err := write(cmd.OutOrStdout()); err != nil {
		return problem.Failure(err, "the result cannot be written: "+unprefixed(err), "")
	}
	if m.out == "" {
		return nil
	}
	paths, err := result.WritePlots(m.out)
	if err != nil {
		return problem.Failure(err, "the plots cannot be written: "+unprefixed(err), "Pick another directory: --out plots")
	}
	fmt.Fprintln(os.Stderr, "weir: wrote "+strings.Join(paths, ", "))
	return nil
}

// explain makes a problem of the error of a scenario.
func (m *measurement) explain(cmd *cobra.Command, err error) error {
	host := m.URL
	if u, perr := url.Parse(m.URL); perr == nil {
		host = u.Host
	}
	var told *problem.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return err
	case cmd.Context().Err() != nil && errors.Is(err, context.Canceled):
		return problem.Failure(err, "interrupted: what was measured is of a shorter run", "")
	case errors.Is(err, syscall.ECONNREFUSED):
		return problem.Failure(err, "nothing listens on "+host, "Is the server running? weir echo starts one on 127.0.0.1:9001.")
	}
	if wrong := new(bench.MismatchError); errors.As(err, &wrong) {
		return problem.Failure(err, unprefixed(err), "Does this path send back what it gets? weir echo does, on /echo, and to everyone on /broadcast.")
	}
	if told := trust.Explain(err, host); told != nil {
		return told
	}
	return problem.Failure(err, unprefixed(err), "")
}

// unprefixed is the text of an error without the name of the package.
func unprefixed(err error) string { return strings.TrimPrefix(err.Error(), "bench: ") }

// wantPID refuses to run without the server's process, and names it if it can.
func (m *measurement) wantPID(cmd, rawURL string) error {
	if m.PID != 0 {
		return nil
	}
	fix := "Find it with pidof, and add --pid."
	if u, err := url.Parse(rawURL); err == nil {
		if p, ok := holder.Of(u.Host); ok {
			fix = fmt.Sprintf("It is %d (%s): %s --pid %d %s", p.PID, p.Name, cmd, p.PID, shellWord(rawURL))
		}
	}
	return problem.Usage(cmd+" wants the server's process", fix)
}
