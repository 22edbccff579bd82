package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// writeHelp writes a command's help: at most a screen of 24 lines.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", cmd.Short, usage(cmd))
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", cmd.Long)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-11s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	if cmd.HasExample() {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString("  " + line)
		}
		b.WriteString("\n")
	}
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		b.WriteString("\nFlags:\n")
		writeFlags(&b, flags)
	}
	_, _ = io.WriteString(w, b.String()) // help that nobody reads is no failure
}

// usage is the shape of the command line.
func usage(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + arguments
	} else if cmd.HasAvailableSubCommands() {
		line += " COMMAND"
	}
	if cmd.HasAvailableLocalFlags() {
		line += " [flags]"
	}
	return line
}

// writeFlags writes a line for each flag. A flag's usage begins with the name
// of its value in backquotes, if it has one.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	var names, texts []string
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Value.Type() != "bool" {
			name += " " + value
			text = strings.TrimPrefix(text, value+" ")
		}
		if def := defaultOf(f); def != "" {
			text += " (" + def + ")"
		}
		names, texts = append(names, name), append(texts, text)
		width = max(width, len(name))
	})
	for i := range names {
		fmt.Fprintf(b, "  %-*s  %s\n", width, names[i], texts[i])
	}
}

// defaultOf is what of a flag's default is shown: nothing of one that stands for
// none.
func defaultOf(f *pflag.Flag) string {
	switch f.DefValue {
	case "0", "0s", "-1", "false", "[]":
		return ""
	}
	if short, ok := strings.CutSuffix(f.DefValue, "h0m0s"); ok {
		return short + "h"
	}
	return f.DefValue
}
