// Package command is weir's command line: its commands, their flags, and what
// is said when one is wrong.
package command

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/version"
)

// Run runs the command line args, without the program's name, and returns the
// exit code. SIGINT and SIGTERM end what runs gracefully; a second one ends the
// process as it always does.
func Run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		complain(err)
	}
	return problem.Exit(err)
}

// complain tells the user of err. A pipe that nobody reads keeps the end waiting for
// no longer than the log does.
func complain(err error) {
	told := make(chan struct{})
	go func() { // ends when stderr has taken it, or with the process
		problem.Print(os.Stderr, err)
		close(told)
	}()
	select {
	case <-told:
	case <-time.After(logPatience):
	}
}

// newRoot returns the whole tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Weir serves WebSockets, talks to them and measures them",
		Example: `weir serve                               start a server with a demo page
weir sub demo                            print what is published to a topic`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		Version:           version.String(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetVersionTemplate("weir {{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd) })
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(
		newServe(), newCheck(), newConfig(), newToken(), newDoctor(), newDrain(),
		newPub(), newSub(), newTop(), newTail(), newConns(), newTopics(), newKick(),
		newConnect(), newEcho(), newBench(), newMillionGuest(), newVersion(), newCompletion(),
	)
	help := newHelp()
	root.SetHelpCommand(help)
	root.AddCommand(help)
	root.Flags().BoolP("version", "v", false, "say which version this is")
	addHelpFlags(root)
	complete(root)
	return root
}

// addHelpFlags words --help the same way everywhere.
func addHelpFlags(cmd *cobra.Command) {
	cmd.Flags().BoolP("help", "h", false, "show this help")
	for _, sub := range cmd.Commands() {
		addHelpFlags(sub)
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is and what it was built from",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), "weir "+version.String()+"\n")
			return err
		},
	}
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), args[len(args)-max(len(rest), 1)])
			}
			return about.Help()
		},
	}
}

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Write a script that completes weir's command line",
		Example: `source <(weir completion bash)
weir completion zsh > "${fpath[1]}/_weir"
weir completion fish > ~/.config/fish/completions/weir.fish`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return problem.Usage("weir completion wants the name of one shell", "Try: weir completion bash")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return unknownWord("there is no completion for "+args[0], args[0], cmd.ValidArgs, "weir completion ")
		},
	}
}
