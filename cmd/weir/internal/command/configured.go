package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// addConfig adds the flag that names the configuration's file.
func addConfig(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "", "`FILE` the configuration, in YAML")
}

// explainConfig makes a problem of what [config.Load], and those who look at
// what it returned, say of a configuration.
func explainConfig(path string, err error) error {
	if faults, ok := config.AsFaults(err); ok {
		p := problem.Usage(countFaults(faults), "See: weir config print --defaults")
		for _, f := range faults {
			p.Lines = append(p.Lines, f.String())
		}
		p.Err = err
		return p
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &problem.Problem{Exit: problem.ExitUsage, What: "there is no file " + path, Fix: "Begin with: weir config print --defaults > " + shellWord(path), Err: err}
	}
	return &problem.Problem{Exit: problem.ExitUsage, What: "the configuration cannot be read: " + err.Error(), Err: err}
}

func countFaults(faults config.Faults) string {
	if len(faults) == 1 {
		return "the configuration has a mistake"
	}
	return fmt.Sprintf("the configuration has %d mistakes", len(faults))
}

// loadConfig loads a file, the environment and flags.
func loadConfig(path string, flags ...config.Flag) (*config.Config, error) {
	c, err := config.Load(config.Source{File: path, Environ: os.Environ(), Flags: flags})
	if err != nil {
		return nil, explainConfig(path, err)
	}
	return c, nil
}
