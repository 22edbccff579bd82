package command

import (
	"fmt"
	"io"
	"slices"
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
		writeCommands(&b, cmd)
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

// writeCommands lists the commands below cmd: one on a line, but weir's own, for which
// a screen has no room, as two.
func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	var subs []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			subs = append(subs, sub)
		}
	}
	if cmd.HasParent() {
		for _, sub := range subs {
			fmt.Fprintf(b, "  %-11s %s\n", sub.Name(), sub.Short)
		}
		return
	}
	var cells []string
	for _, c := range briefs() {
		if slices.ContainsFunc(subs, func(sub *cobra.Command) bool { return sub.Name() == c.name }) {
			cells = append(cells, fmt.Sprintf("%-10s %s", c.name, c.does))
		}
	}
	half := (len(cells) + 1) / 2
	for i, cell := range cells[:half] {
		if i+half < len(cells) {
			cell = fmt.Sprintf("%-38s %s", cell, cells[i+half])
		}
		b.WriteString("  " + cell + "\n")
	}
}

// brief is what a command does, in at most 27 letters.
type brief struct{ name, does string }

// briefs are weir's own commands in the order in which they are listed.
func briefs() []brief {
	return []brief{
		{"serve", "serve topics"},
		{"check", "judge a configuration"},
		{"config", "show the configuration"},
		{"token", "mint a token"},
		{"doctor", "find the limit that binds"},
		{"pub", "publish a message"},
		{"sub", "print what is published"},
		{"top", "watch a server, live"},
		{"tail", "follow a topic or a socket"},
		{"conns", "list connections"},
		{"topics", "list topics"},
		{"kick", "close a connection"},
		{"drain", "close all, at an even rate"},
		{"connect", "talk to a WebSocket"},
		{"echo", "send everything back"},
		{"bench", "measure a server"},
		{"version", "say which version this is"},
		{"completion", "complete command lines"},
		{"help", "show a command's help"},
	}
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
// of its value in backquotes, if it has one, until complete has parted them.
func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	var names, texts []string
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		text := f.Usage
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if value := f.Annotations[valueOf]; value != nil {
			name += " " + value[0]
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
