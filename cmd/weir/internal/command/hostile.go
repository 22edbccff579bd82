package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/bench"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/size"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
	"github.com/weirws/weir/cmd/weir/internal/trust"
)

const hostileLong = `The server must echo what it is sent. Each line of the plan is a kind of input
that has killed servers; docs/reliability.md says what is right. While they are
tried other connections echo, and must not notice. It ends with 1 when a line
fails.`

// hostileFlags are the flags of weir bench hostile.
type hostileFlags struct {
	bench.HostileOptions
	maxMessage     size.Bytes
	lines          string
	headers        []string
	json, markdown bool
	trust          trust.Trust
}

func newBenchHostile() *cobra.Command {
	f := hostileFlags{maxMessage: 1 << 20}
	cmd := &cobra.Command{
		Use:   "hostile URL",
		Short: "Send a server what has killed others, and see what it answers",
		Long:  hostileLong,
		Args:  oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNumbers(cmd); err != nil {
				return err
			}
			return f.run(cmd, args[0])
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.Witnesses, "witnesses", 100, "`N` connections that echo meanwhile")
	flags.Var(&f.maxMessage, "max-message", "`BYTES` of the largest message that the server takes")
	flags.IntVar(&f.MaxFragments, "max-fragments", 16384, "`N` most frames of one message")
	flags.DurationVar(&f.Patience, "patience", 15*time.Second, "`DURATION` longest wait for an answer")
	flags.BoolVar(&f.Slow, "slow", false, "try the line that takes a minute, too")
	flags.StringVar(&f.lines, "lines", "", "`LIST` of lines to try, like 1-19,24; all of them")
	addTrust(flags, &f.trust)
	flags.IntVar(&f.PID, "pid", 0, "`N` the server's process, to count its descriptors")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "`LINE` send 'Name: value' with the requests; repeatable")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	flags.BoolVar(&f.markdown, "markdown", false, "write the table as Markdown")
	return cmd
}

// run tries the lines and shows what came.
func (f *hostileFlags) run(cmd *cobra.Command, rawURL string) (err error) {
	if f.URL, err = parseURL(rawURL); err != nil {
		return err
	}
	if f.Header, err = parseHeaders(f.headers); err != nil {
		return err
	}
	if f.Lines, err = parseLines(f.lines); err != nil {
		return err
	}
	if f.TLS, err = f.trust.Config(f.URL); err != nil {
		return err
	}
	f.MaxMessage = int64(f.maxMessage)
	bar := terminal.Is(os.Stderr)
	if bar {
		f.Progress = bench.ProgressBar(os.Stderr)
	}
	result, err := bench.Hostile(cmd.Context(), f.HostileOptions)
	if bar {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if result == nil || errors.Is(err, context.Canceled) {
		m := measurement{Target: f.Target}
		return m.explain(cmd, err)
	}
	show := result.WriteTable
	switch {
	case f.json:
		show = result.WriteJSON
	case f.markdown:
		show = result.WriteMarkdown
	}
	if err := show(cmd.OutOrStdout()); err != nil {
		return problem.Failure(err, "the result cannot be written: "+unprefixed(err), "")
	}
	if result.Failed > 0 {
		return problem.Failure(nil, fmt.Sprintf("%d of %d lines failed", result.Failed, len(result.Lines)), "docs/reliability.md says what is right.")
	}
	return nil
}

// parseLines reads a list of numbers and ranges.
func parseLines(s string) (all []int, err error) {
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(strings.TrimSpace(first))
		to, err2 := strconv.Atoi(strings.TrimSpace(last))
		if errors.Join(err, err2) != nil || from < 1 || to > 82 || from > to {
			return nil, problem.Usage("--lines "+shellWord(s)+" is no list of lines", "Lines are 1 to 82: --lines 1-19,24")
		}
		for n := from; n <= to; n++ {
			all = append(all, n)
		}
	}
	return all, nil
}
