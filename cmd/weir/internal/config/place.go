package config

import "fmt"

// Place is where a value came from: a place in a file, a variable of the
// environment, a flag, or the defaults.
type Place struct {
	// Source is the file's name, the variable's, or the flag's with its dashes;
	// empty for a default.
	Source string
	// Line and Column count from 1; both are 0 outside of files.
	Line, Column int
}

// String is how compilers write it, so that editors find it.
func (p Place) String() string {
	switch {
	case p.Source == "":
		return "default"
	case p.Line == 0:
		return p.Source
	}
	return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
}
