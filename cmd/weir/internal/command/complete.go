package command

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirws/weir/cmd/weir/internal/operator"
)

// completeTime bounds how long the shell waits for a server.
const completeTime = 2 * time.Second

// valueOf is the annotation of a flag that has the name of its value.
const valueOf = "weir_value"

// complete makes shells complete what cobra does not know of cmd and those below
// it: that there is nothing to name, and flags without the mark of their value.
func complete(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		if text == f.Usage {
			return
		}
		f.Usage = strings.TrimPrefix(text, value+" ")
		f.Annotations = map[string][]string{valueOf: {value}}
	})
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil && !strings.Contains(cmd.Use, " ") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for name, completion := range map[string]cobra.CompletionFunc{
		"output": cobra.FixedCompletions([]cobra.Completion{string(asText), string(asJSON)}, cobra.ShellCompDirectiveNoFileComp),
		"config": cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
	} {
		if cmd.Flags().Lookup(name) == nil {
			continue
		}
		if err := cmd.RegisterFlagCompletionFunc(name, completion); err != nil {
			panic("command: --" + name + " is completed twice: " + err.Error())
		}
	}
	for _, sub := range cmd.Commands() {
		complete(sub)
	}
}

// completing is a completion out of what a server lists, if it can be asked.
func (o *operating) completing(list func(context.Context, *operator.Client) []cobra.Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := o.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		return list(ctx, c), cobra.ShellCompDirectiveNoFileComp
	}
}

// listedTopics are those that somebody subscribes to.
func listedTopics(ctx context.Context, c *operator.Client) (names []cobra.Completion) {
	topics, _, _ := c.Topics(ctx) // without a server there are none
	for _, t := range topics {
		names = append(names, cobra.CompletionWithDesc(t.Name, strconv.FormatInt(t.Subscribers, 10)+" subscribers"))
	}
	return names
}

// listedConns are the connections that a server shows first.
func listedConns(ctx context.Context, c *operator.Client) (ids []cobra.Completion) {
	conns, _, _ := c.Conns(ctx, operator.Query{}) // without a server there are none
	for _, conn := range conns {
		ids = append(ids, cobra.CompletionWithDesc(strconv.FormatUint(conn.ID, 10), strings.TrimSpace(visible(conn.User)+" "+conn.IP)))
	}
	return ids
}
