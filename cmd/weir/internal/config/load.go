package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Source is what a Config is loaded from. What stands later rules over what
// stands before.
type Source struct {
	// File is the path of the YAML file; empty: there is none.
	File string
	// Environ is the environment, as os.Environ returns it.
	Environ []string
	// Flags are the keys that the command line sets.
	Flags []Flag
	// Base is what holds where nothing is said; nil: Default. It is not changed.
	Base *Config
}

// Flag is a key that the command line sets.
type Flag struct {
	Name string // with its dashes, for errors
	Path string // of the key
	Text string
}

// Load reads and judges a configuration. What is wrong with it is returned as
// [Faults], all of it; a file that cannot be read is another error.
func Load(s Source) (*Config, error) {
	text, err := readFile(s.File)
	if err != nil {
		return nil, err
	}
	c := Default()
	if s.Base != nil {
		*c = *s.Base
		c.Topics = slices.Clone(c.Topics)
	}
	c.places = map[string]Place{}
	d := &decoder{file: s.File, env: environment(s.Environ), known: known(), places: c.places}
	if s.File != "" {
		d.document(text, "", reflect.ValueOf(c).Elem())
	}
	d.environ(c)
	d.flags(c, s.Flags)
	if len(d.faults) == 0 {
		d.relations(c)
	}
	if len(d.faults) > 0 {
		d.faults.sort()
		return nil, d.faults[:min(len(d.faults), maxFaults)]
	}
	return c, nil
}

// readFile reads a file of a bounded length.
func readFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxFileBytes)
	}
	return text, nil
}

// environment is a list of NAME=value as a map; of several the last counts.
func environment(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, line := range list {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}
	return env
}

// AsFaults returns the faults that err is, if it is some.
func AsFaults(err error) (Faults, bool) {
	var fs Faults
	ok := errors.As(err, &fs)
	return fs, ok
}
