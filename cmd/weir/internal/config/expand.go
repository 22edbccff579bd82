package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/spelling"
)

// expand replaces ${NAME} by the variable of that name, and $${ by ${. A dollar
// without a brace stands for itself.
func expand(text string, env map[string]string) (string, *misfit) {
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if at > 0 && text[at-1] == '$' {
			b.WriteString(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		b.WriteString(text[:at])
		name, rest, closed := strings.Cut(text[at+2:], "}")
		switch {
		case !closed:
			return "", &misfit{what: "${ has no } behind it; a ${ that stands for itself is written $${"}
		case !isVariable(name):
			return "", misfitf("%q is no name of a variable", name)
		}
		value, set := env[name]
		if !set {
			near, _ := spelling.Nearest(name, slices.Sorted(maps.Keys(env)))
			return "", &misfit{"the environment has no " + name, near}
		}
		b.WriteString(value)
		text = rest
	}
}

// isVariable reports whether a shell would let a variable have that name.
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
