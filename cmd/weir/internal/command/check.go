package command

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/certificate"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/token"
)

const checkLong = `All mistakes are told at once, each with its place. Files that the configuration
names are read, too. Nothing is started, fetched or changed. Exit code 2: there
are mistakes.`

func newCheck() *cobra.Command {
	var path string
	var f format
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Judge a configuration, and all that it names",
		Long:  checkLong,
		Example: `weir check -c weir.yaml
weir check -c weir.yaml -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if err == nil {
				err = explainFiles(path, checkFiles(c))
			}
			var notes []string
			if err == nil {
				notes = append(c.Notes(), certificate.Notes(c, time.Now())...)
			}
			if f == asJSON {
				faults, ok := config.AsFaults(err)
				if err == nil || ok {
					told := map[string]any{"ok": err == nil, "faults": append(config.Faults{}, faults...), "notes": append([]string{}, notes...)}
					if werr := writeJSON(cmd.OutOrStdout(), told); werr != nil {
						return werr
					}
				}
				return err
			}
			if err != nil {
				return err
			}
			name := path
			if name == "" {
				name = "the environment"
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), name+" is right")
			for _, note := range notes {
				fmt.Fprintln(cmd.ErrOrStderr(), "weir: note: "+note)
			}
			return unwritten(err)
		},
	}
	cmd.Flags().SortFlags = false
	addConfig(cmd, &path)
	addFormat(cmd, &f)
	return cmd
}

// explainFiles is explainConfig where there may be nothing to explain.
func explainFiles(path string, err error) error {
	if err == nil {
		return nil
	}
	return explainConfig(path, err)
}

// checkFiles reads what a configuration names, and nothing over the network.
func checkFiles(c *config.Config) error {
	offline := *c
	offline.Auth.JWKS.URL = ""
	var faults config.Faults
	v, err := token.NewVerifier(&offline, slog.New(slog.DiscardHandler))
	if err == nil {
		v.Close()
	}
	for _, err := range []error{err, certificate.Check(c)} {
		found, ok := config.AsFaults(err)
		if err != nil && !ok {
			return err
		}
		faults = append(faults, found...)
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration, and what it could be",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigPrint())
	return cmd
}

const configPrintLong = `What stands later rules: default, file, environment, flag. A secret is shown as
***, and with each value comes where it is from.`

func newConfigPrint() *cobra.Command {
	var path string
	var f format
	var effective, defaults, schema, env bool
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print what holds, the defaults, the schema, or the variables",
		Long:  configPrintLong,
		Example: `weir config print --defaults > weir.yaml
weir config print -c weir.yaml
weir config print --schema > weir.schema.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			if asked := asked(cmd, "effective", "defaults", "schema", "env"); len(asked) > 1 {
				return problem.Usage("weir config print shows one thing at a time, and got --"+strings.Join(asked, " and --"), "See: weir config print --help")
			}
			if f == asJSON && !env && !schema {
				return problem.Usage("weir config print writes JSON of --env and --schema only", "The configuration is YAML: leave -o json out.")
			}
			switch {
			case defaults:
				return unwritten(config.WriteDefaults(w))
			case schema:
				return unwritten(config.WriteSchema(w))
			case env && f == asJSON:
				return writeJSON(w, config.Settings())
			case env:
				rows := [][]string{{"VARIABLE", "DEFAULT", "MEANING"}}
				for _, s := range config.Settings() {
					rows = append(rows, []string{s.Variable, s.Default, s.Doc})
				}
				return writeTable(w, rows)
			}
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			return unwritten(c.WriteEffective(w))
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	addConfig(cmd, &path)
	flags.BoolVar(&effective, "effective", false, "what holds: this is meant when nothing else is asked for")
	flags.BoolVar(&defaults, "defaults", false, "every key with its default and what it means")
	flags.BoolVar(&schema, "schema", false, "JSON Schema, for editors")
	flags.BoolVar(&env, "env", false, "the environment's variables")
	addFormat(cmd, &f)
	return cmd
}

// asked are those of the flags that were given.
func asked(cmd *cobra.Command, names ...string) (given []string) {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			given = append(given, name)
		}
	}
	return given
}
