package command

import "github.com/spf13/cobra"

func newBench() *cobra.Command {
	return &cobra.Command{
		Use:   "bench SCENARIO URL",
		Short: "Measure a WebSocket server",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}
