package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/operator"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
)

const drainLong = `The server is not ready from then on; after drain.delay it closes its sockets at
an even rate and ends. This command waits for that; Ctrl-C ends only the wait.
With -o json it writes a line each second. Exit code 4: sockets were left.`

func newDrain() *cobra.Command {
	var o operating
	var f format
	var over time.Duration
	cmd := &cobra.Command{
		Use:     "drain",
		Short:   "Have a server close all its sockets, evenly, and end",
		Long:    drainLong,
		Example: "weir drain --for 5m",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked := time.Duration(-1)
			if cmd.Flags().Changed("for") {
				if asked = over; over < 0 {
					return problem.Usage("weir drain: --for is negative", "0s closes all at once.")
				}
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			_, err = c.Drain(cmd.Context(), asked)
			var refused *operator.StatusError
			if errors.As(err, &refused) && refused.Status == http.StatusConflict {
				fmt.Fprintln(cmd.ErrOrStderr(), "weir: note: a drain is under way already, and goes on as it was told")
				err = nil
			}
			if err != nil {
				return o.explain(cmd.Context(), err)
			}
			return o.follow(cmd, c, f)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().DurationVar(&over, "for", 0, "`DURATION` over how long, if not drain.duration")
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}

// follow shows how far the drain is until the server ends.
func (o *operating) follow(cmd *cobra.Command, c *operator.Client, f format) error {
	w := cmd.OutOrStdout()
	bar := f != asJSON && terminal.Is(os.Stdout)
	var last *operator.Drain // nil: nothing was told yet
	err := c.Watch(cmd.Context(), operator.Watched{}, func(name string, body []byte) error {
		var s operator.Stats
		if name != "stats" {
			return nil
		}
		if err := json.Unmarshal(body, &s); err != nil {
			return err
		}
		last = &s.Drain
		if f == asJSON {
			return unwritten(json.NewEncoder(w).Encode(last))
		}
		if bar {
			_, err := fmt.Fprintf(w, "\r\x1b[K%s", drainBar(last))
			return unwritten(err)
		}
		_, err := fmt.Fprintf(w, "%d of %d left\n", last.Left, last.Total)
		return unwritten(err)
	})
	if bar {
		fmt.Fprint(w, "\r\x1b[K")
	}
	switch {
	case cmd.Context().Err() != nil:
		return problem.Failure(context.Cause(cmd.Context()), "the server goes on draining, and is not watched any more", "")
	case gone(err):
		said := "drained: the server has ended"
		if last != nil { // it is what was told at the end
			if err := afterDrain(last.Left); err != nil {
				return err
			}
			said += ", and no connection was left"
		}
		if f == asJSON {
			return nil
		}
		_, err = fmt.Fprintln(w, said)
		return unwritten(err)
	}
	return o.explain(cmd.Context(), err)
}

// gone reports whether err is that of a server that has ended.
func gone(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// drainBar is a line of at most 80 columns.
func drainBar(d *operator.Drain) string {
	const width = 40
	done := width
	if d.Total > 0 {
		done = int(float64(width) * float64(d.Total-d.Left) / float64(d.Total))
	}
	done = min(max(done, 0), width)
	return fmt.Sprintf("[%s%s] %s of %s left", strings.Repeat("#", done), strings.Repeat(".", width-done), grouped(d.Left), grouped(d.Total))
}
