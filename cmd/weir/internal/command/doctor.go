package command

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/capacity"
)

const doctorLong = `It reads limits and changes nothing. Run it as the user, and in the unit or
container, that weir serve runs as: the limits are theirs.`

func newDoctor() *cobra.Command {
	var path string
	var f format
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find how many connections fit, and the limit that says so",
		Long:  doctorLong,
		Example: `weir doctor
weir doctor -c weir.yaml -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			return tellCapacity(cmd, f, capacity.Measure(), int64(c.Limits.MaxConnections))
		},
	}
	cmd.Flags().SortFlags = false
	addConfig(cmd, &path)
	addFormat(cmd, &f)
	return cmd
}

// tellCapacity shows a report to whom wants that many connections; 0: as many as
// fit.
func tellCapacity(cmd *cobra.Command, f format, r capacity.Report, wanted int64) error {
	w := cmd.OutOrStdout()
	if f == asJSON {
		return writeJSON(w, struct {
			capacity.Report
			Fix    string `json:"fix"`
			Wanted int64  `json:"wanted"`
		}{r, r.Fix(), wanted})
	}
	if r.Binds == "" {
		_, err := fmt.Fprintln(w, "Nothing is known to limit the connections of this machine.")
		return unwritten(err)
	}
	fmt.Fprintf(w, "This machine holds about %s connections. What binds first is %s.\n", grouped(r.Conns), r.Binds)
	fmt.Fprintf(w, "To raise it: %s\n", r.Fix())
	if wanted > r.Conns {
		fmt.Fprintf(w, "limits.max_connections asks for %s: more than fit.\n", grouped(wanted))
	}
	fmt.Fprintln(w)
	rows := [][]string{{"LIMIT", "VALUE", "CONNECTIONS"}}
	for _, l := range r.Limits {
		mark := ""
		if l.Name == r.Binds {
			mark = "  <- binds first"
		}
		value := grouped(l.Value)
		if l.Unit == capacity.Bytes {
			value = grouped(l.Value>>20) + " MiB"
		}
		rows = append(rows, []string{l.Name, value, grouped(l.Conns) + " " + l.Of + mark})
	}
	if err := writeTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, l := range r.Limits {
		if l.Name != r.Binds {
			fmt.Fprintf(w, "%s: %s\n", l.Name, l.Fix)
		}
	}
	return nil
}

// grouped writes a number with commas between its thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
