package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/spelling"
)

// explainFlag makes a problem of what pflag says about a command's flags.
func explainFlag(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasAvailableSubCommands() && len(words) > 0 {
		return unknownCommand(cmd, words[0]) // its flags are not this command's
	}
	see := "See: " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &bare):
		return problem.Usage(fmt.Sprintf("%s: --%s wants a value", cmd.CommandPath(), bare.GetFlag().Name), see)
	case errors.As(err, &invalid):
		flag := invalid.GetFlag()
		what := fmt.Sprintf("%s: --%s %s is wrong: %s", cmd.CommandPath(), flag.Name, invalid.GetValue(), wrongValue(flag, invalid))
		return problem.Usage(what, see)
	}
	return problem.Usage(cmd.CommandPath()+": "+err.Error(), see)
}

// unknownFlag is about a flag that cmd does not have.
func unknownFlag(cmd *cobra.Command, err *pflag.NotExistError) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	see := " See: " + cmd.CommandPath() + " --help"
	// With one dash, "-listen" is read as -l, -i, -s and so on.
	if word := err.GetSpecifiedShortnames(); word != "" {
		what := cmd.CommandPath() + " has no flag -" + word
		if near, ok := spelling.Nearest(word, names); ok && len(word) > 1 {
			return problem.Usage(what, "Did you mean --"+near+", with two dashes?"+see)
		}
		return problem.Usage(what, strings.TrimSpace(see))
	}
	what := cmd.CommandPath() + " has no flag --" + err.GetSpecifiedName()
	if near, ok := spelling.Nearest(err.GetSpecifiedName(), names); ok {
		return problem.Usage(what, "Did you mean --"+near+"?"+see)
	}
	return problem.Usage(what, strings.TrimSpace(see))
}

// wrongValue says what a flag wants instead of what it got.
func wrongValue(flag *pflag.Flag, err *pflag.InvalidValueError) string {
	switch flag.Value.Type() {
	case "duration":
		return "a duration has a unit, like 500ms, 30s or 5m"
	case "int", "int64", "uint":
		return "it wants a whole number"
	case "float64":
		return "it wants a number"
	case "bool":
		return "it is true or false"
	}
	return err.Unwrap().Error()
}

// knownCommand is for commands that only have others below them.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

// unknownCommand is about a word where one of cmd's commands should be.
func unknownCommand(cmd *cobra.Command, word string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			names = append(names, sub.Name())
		}
	}
	return unknownWord(fmt.Sprintf("%s has no command %q", cmd.CommandPath(), word), word, names, cmd.CommandPath()+" ")
}

// unknownWord is about a word that is none of those that could be there; lead
// is the command line before it.
func unknownWord(what, word string, words []string, lead string) error {
	if near, ok := spelling.Nearest(word, words); ok {
		return problem.Usage(what, "Did you mean: "+lead+near)
	}
	return problem.Usage(what, "It is one of: "+strings.Join(words, ", "))
}

// shellWord makes one word of a shell's command line out of s.
func shellWord(s string) string {
	if strings.ContainsAny(s, " \t\n?*[]{}()<>|&;$`\"'\\#~!") || s == "" {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	what := fmt.Sprintf("%s takes no argument, and got %q", cmd.CommandPath(), args[0])
	if cmd.Flags().Lookup("listen") != nil && strings.Contains(args[0], ":") {
		return problem.Usage(what, "Did you mean: "+cmd.CommandPath()+" --listen "+shellWord(args[0]))
	}
	return problem.Usage(what, "See: "+cmd.CommandPath()+" --help")
}

// oneURL is for commands that talk to a server.
func oneURL(cmd *cobra.Command, args []string) error {
	example := "For example: " + cmd.CommandPath() + " ws://127.0.0.1:9001/echo"
	switch {
	case len(args) == 0:
		return problem.Usage(cmd.CommandPath()+" wants the URL of a WebSocket server", example)
	case len(args) > 1:
		return problem.Usage(fmt.Sprintf("%s wants one URL, and got %q behind it", cmd.CommandPath(), args[1]), example)
	}
	return nil
}
