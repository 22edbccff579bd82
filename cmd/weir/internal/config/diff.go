package config

import "reflect"

// Changes are the keys in which two configurations differ. A list is named as a
// whole.
type Changes struct {
	Live    []string // take effect on reload
	Restart []string // take effect when weir is started again
}

// Diff returns what changes from one configuration to the next.
func Diff(before, after *Config) Changes {
	var changes Changes
	table, old := known(), map[string]reflect.Value{}
	settable(before, func(path string, v reflect.Value) { old[path] = v })
	settable(after, func(path string, v reflect.Value) {
		switch {
		case equal(old[path], v):
		case isLive(table, path, v.Type()):
			changes.Live = append(changes.Live, path)
		default:
			changes.Restart = append(changes.Restart, path)
		}
	})
	return changes
}

// Hold returns after as far as it holds while weir runs: keys that need a restart
// are as before.
func Hold(before, after *Config) *Config {
	held, table, old := *after, known(), map[string]reflect.Value{}
	settable(before, func(path string, v reflect.Value) { old[path] = v })
	settable(&held, func(path string, v reflect.Value) {
		if !isLive(table, path, v.Type()) {
			v.Set(old[path])
		}
	})
	return &held
}

// equal reports whether two values of a key mean the same: an empty list is what
// no list is, also within a group.
func equal(a, b reflect.Value) bool {
	switch {
	case a.Kind() == reflect.Slice:
		same := a.Len() == b.Len()
		for i := 0; same && i < a.Len(); i++ {
			same = equal(a.Index(i), b.Index(i))
		}
		return same
	case isGroup(a.Type()):
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// isLive reports whether a change at path takes effect on reload: of a list of
// groups, if all its keys do.
func isLive(table map[string]*key, path string, typ reflect.Type) bool {
	if typ.Kind() != reflect.Slice || !isGroup(typ.Elem()) {
		return table[path].live
	}
	for _, name := range fieldNames(reflect.New(typ.Elem()).Elem()) {
		if !table[path+"[]."+name].live {
			return false
		}
	}
	return true
}
