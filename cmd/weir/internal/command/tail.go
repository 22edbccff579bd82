package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/operator"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

const tailLong = `It shows who comes and goes, and how large each message is; what messages say is
shown with --payloads only. When there is too much, the rest is counted.`

func newTail() *cobra.Command {
	var o operating
	var f format
	var w operator.Watched
	cmd := &cobra.Command{
		Use:   "tail [TOPIC]",
		Short: "Follow what happens to a topic, or to one socket",
		Long:  tailLong,
		Example: `weir tail news
weir tail --conn 4711 --payloads`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return problem.Usage("weir tail follows one topic, and got "+strconv.Quote(args[1])+" behind it", "Start one for each.")
			case len(args) == 0 && w.Conn == 0:
				return problem.Usage("weir tail wants a topic, or --conn", "Find one with: weir topics, weir conns")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				w.Topic = args[0]
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			err = c.Watch(cmd.Context(), w, func(name string, body []byte) error { return tellEvent(out, f, name, body) })
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how it ends
			}
			return o.explain(cmd.Context(), err)
		},
	}
	cmd.ValidArgsFunction = o.completing(listedTopics)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Uint64Var(&w.Conn, "conn", 0, "`ID` follow this connection")
	flags.BoolVar(&w.Payloads, "payloads", false, "show what messages say")
	o.addTo(cmd)
	addFormat(cmd, &f)
	return cmd
}

// tellEvent writes one event, on a line.
func tellEvent(w io.Writer, f format, name string, body []byte) error {
	switch {
	case name == "stats":
		return nil
	case f == asJSON:
		_, err := fmt.Fprintf(w, "%s\n", body)
		return unwritten(err)
	case name == "skipped":
		var skipped struct{ Events uint64 }
		if err := json.Unmarshal(body, &skipped); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "... and %d more\n", skipped.Events)
		return unwritten(err)
	}
	var e operator.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, eventLine(&e))
	return unwritten(err)
}

// eventLine is an event in words.
func eventLine(e *operator.Event) string {
	words := []string{e.At.Local().Format("15:04:05.000"), e.What}
	add := func(when bool, format string, args ...any) {
		if when {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(e.Topic != "", "%s", visible(e.Topic))
	add(e.Conn != 0, "conn=%d", e.Conn)
	add(e.User != "", "user=%s", visible(e.User))
	add(e.Event != "", "event=%s", visible(e.Event))
	add(e.ID != "", "id=%s", e.ID)
	add(e.Bytes > 0, "%d B", e.Bytes)
	add(e.Receivers != nil, "to %d", deref(e.Receivers))
	add(e.Detail != "", "%s", visible(e.Detail))
	if e.Data != nil {
		words = append(words, strconv.Quote(*e.Data))
	} else if len(e.Base64) > 0 {
		words = append(words, fmt.Sprintf("% x", e.Base64))
	}
	add(e.Cut, "...")
	return strings.Join(words, "  ")
}

func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
