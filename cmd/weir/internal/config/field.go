package config

import (
	"reflect"
	"strings"
)

// eachField calls f for every key of a group, in order.
func eachField(group reflect.Value, f func(name string, v reflect.Value)) {
	for i := range group.NumField() {
		if name, ok := group.Type().Field(i).Tag.Lookup("key"); ok {
			f(name, group.Field(i))
		}
	}
}

// fieldNames are the keys of a group.
func fieldNames(group reflect.Value) []string {
	var names []string
	eachField(group, func(name string, _ reflect.Value) { names = append(names, name) })
	return names
}

// fieldOf is the field of a group with that key.
func fieldOf(group reflect.Value, key string) (found reflect.Value, ok bool) {
	eachField(group, func(name string, v reflect.Value) {
		if name == key {
			found, ok = v, true
		}
	})
	return found, ok
}

// isGroup reports whether a type has keys of its own.
func isGroup(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("key") != ""
}

// join appends a key to the path of its group.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// pattern is a path with its indexes taken out, as in the table of keys.
func pattern(path string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(path, "[")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		b.WriteString("[]")
		_, path, _ = strings.Cut(rest, "]")
	}
}

// fieldType is the type of the value of a key, "topics[].match".
func fieldType(path string) reflect.Type {
	t := reflect.TypeFor[Config]()
	for name := range strings.SplitSeq(path, ".") {
		bare, list := strings.CutSuffix(name, "[]")
		field, ok := fieldOf(reflect.New(t).Elem(), bare)
		if !ok {
			panic("config: there is no field for the key " + path)
		}
		if t = field.Type(); list {
			t = t.Elem()
		}
	}
	return t
}
