package config

import (
	"encoding/json"
	"io"
	"net/netip"
	"reflect"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/size"
)

// variablePattern is a text that the environment fills in.
const variablePattern = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`

// WriteSchema writes the JSON Schema (draft 2020-12) of a file, for editors.
func WriteSchema(w io.Writer) error {
	s := schemaOf("", reflect.TypeFor[Config](), known())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "The configuration of weir serve"
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

func schemaOf(path string, t reflect.Type, table map[string]*key) map[string]any {
	switch {
	case isGroup(t):
		return schemaOfGroup(path, t, table)
	case t.Kind() == reflect.Slice && isGroup(t.Elem()):
		return map[string]any{"type": []string{"array", "null"}, "maxItems": maxItems, "items": schemaOf(path+"[]", t.Elem(), table)}
	}
	k := table[path]
	s := schemaOfValue(k, t)
	if t.Kind() == reflect.Slice {
		s = map[string]any{"type": []string{"array", "null"}, "maxItems": maxItems, "items": schemaOfValue(k, t.Elem())}
	}
	s["description"] = k.doc + "."
	return s
}

func schemaOfGroup(path string, t reflect.Type, table map[string]*key) map[string]any {
	properties, required := map[string]any{}, []string{}
	eachField(reflect.New(t).Elem(), func(name string, v reflect.Value) {
		here := join(path, name)
		properties[name] = schemaOf(here, v.Type(), table)
		if k := table[here]; k != nil && k.required {
			required = append(required, name)
		}
	})
	s := map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["type"], s["required"] = "object", required
	}
	return s
}

func schemaOfValue(k *key, t reflect.Type) map[string]any {
	text := func(pattern string) map[string]any {
		return map[string]any{"type": []string{"string", "integer"}, "pattern": "^(" + pattern + ")$|" + variablePattern}
	}
	switch reflect.New(t).Elem().Interface().(type) {
	case bool:
		return map[string]any{"anyOf": []any{map[string]any{"type": "boolean"}, map[string]any{"type": "string", "pattern": variablePattern}}}
	case int:
		number := map[string]any{"type": "integer", "minimum": k.least}
		if k.most > 0 {
			number["maximum"] = k.most
		}
		return map[string]any{"anyOf": []any{number, map[string]any{"type": "string", "pattern": `^[0-9][0-9_]*$|` + variablePattern}}}
	case time.Duration:
		return text(`0|[0-9]+d|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+`)
	case size.Bytes:
		return text(`[0-9]+ *([kKmMgG]([iI]?[bB])?|[bB])?`)
	case Rate:
		return text(`0|[0-9.]+(e[+-]?[0-9]+)? */[smh]`)
	case netip.Prefix:
		return map[string]any{"type": "string"}
	}
	if k.words != nil {
		return map[string]any{"anyOf": []any{map[string]any{"enum": k.words}, map[string]any{"type": "string", "pattern": variablePattern}}}
	}
	return map[string]any{"type": "string"}
}
