package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/monitor"
	"github.com/weirws/weir/cmd/weir/internal/operator"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/terminal"
)

const topLong = `Keys: q quits, t lists topics, c lists connections, and those at the foot sort.
With -o json it writes the counters each second, a line for each.`

func newTop() *cobra.Command {
	var o operating
	var f format
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch a server: rates, latencies, topics and connections, live",
		Long:  topLong,
		Example: `weir top
weir top -o json | jq .connections`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f != asJSON && !(terminal.Is(os.Stdin) && terminal.Is(os.Stdout)) {
				return problem.Usage("weir top wants a terminal", "For programs: weir top -o json")
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			if f == asJSON {
				return o.stream(cmd, c)
			}
			if _, err := c.Stats(cmd.Context()); err != nil {
				return o.explain(cmd.Context(), err)
			}
			return o.explain(cmd.Context(), monitor.Run(cmd.Context(), c, o.at, os.Stdin, os.Stdout))
		},
	}
	cmd.Flags().SortFlags = false
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}

// stream writes the counters as they come.
func (o *operating) stream(cmd *cobra.Command, c *operator.Client) error {
	err := c.Watch(cmd.Context(), operator.Watched{}, func(name string, body []byte) error {
		if name != "stats" {
			return nil
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", body)
		return unwritten(err)
	})
	if cmd.Context().Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return o.explain(cmd.Context(), err)
}
