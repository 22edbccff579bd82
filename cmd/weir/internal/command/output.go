package command

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// format is the value of a flag -o: how a result is written.
type format string

const (
	asText format = "text"
	asJSON format = "json"
)

// Set reads the flag's value.
func (f *format) Set(s string) error {
	if s != string(asText) && s != string(asJSON) {
		return fmt.Errorf("it is text or json")
	}
	*f = format(s)
	return nil
}

func (f *format) String() string { return string(*f) }

// Type is what the flag's help calls the value.
func (f *format) Type() string { return "FORMAT" }

// addFormat adds -o.
func addFormat(cmd *cobra.Command, f *format) {
	*f = asText
	cmd.Flags().VarP(f, "output", "o", "`FORMAT` text, or json for programs")
}

// writeJSON writes v for programs, on lines that people can read.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return unwritten(e.Encode(v))
}

// writeTable writes rows in columns.
func writeTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell)
		}
		fmt.Fprintln(t)
	}
	return unwritten(t.Flush())
}

// unwritten is about output that could not be written.
func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return problem.Failure(err, "the output cannot be written: "+err.Error(), "")
}
