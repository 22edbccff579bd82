package config

import (
	"strings"

	"github.com/goccy/go-yaml"
)

// syntax says what is wrong with a file that is no YAML, in the words of who
// writes one.
func syntax(err *yaml.SyntaxError) string {
	for _, s := range syntaxes {
		if strings.HasPrefix(err.Message, s.parsers) {
			return s.ours
		}
	}
	return strings.NewReplacer("\n", " ", "\t", `\t`).Replace(err.Message)
}

// syntaxes are the parser's words that say little of a configuration. The first
// that begins what it says is meant.
var syntaxes = []struct{ parsers, ours string }{
	{"value is not allowed in this context", "this does not belong here; the keys of a group are indented equally far"},
	{"mapping value is not allowed in this context", "there is a second colon on the line; a text with a colon stands in quotes"},
	{"non-map value is specified", "this is no key with a colon behind it, and the lines around it are"},
	{"unexpected key name", "this is no key with a colon behind it, and the lines around it are"},
	{"found an invalid key for this map", "a key is a plain word, and this is none"},
	{"block sequence entries are not allowed in this context", "an element of a list does not belong here; it begins a line of its own"},
	{"found character '\t' that cannot start any token", "there is a tab; YAML is indented with spaces"},
	{"found a tab character", "there is a tab; YAML is indented with spaces"},
	{"could not find flow mapping end token '}'", "a { is never closed by a }"},
	{"',' or '}' must be specified", "between { and } a comma is missing, or the } is"},
	{"',' or ']' must be specified", "between [ and ] a comma is missing, or the ] is"},
	{"sequence end token ']' not found", "a [ is never closed by a ]"},
	{"could not find '[' character", "there is a ], and no [ before it"},
	{"could not find end character of double-quoted text", `a " is never closed by another`},
	{"could not find end character of single-quoted text", "a ' is never closed by another"},
	{"found unknown escape character", `what follows a \ in double quotes is no escape; in single quotes it would stand for itself`},
}
