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
	table, old := known(), map[string]any{}
	settable(before, func(path string, v reflect.Value) { old[path] = v.Interface() })
	settable(after, func(path string, v reflect.Value) {
		switch {
		case reflect.DeepEqual(old[path], v.Interface()), emptied(old[path], v):
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

// emptied reports whether two lists are both empty, and so the same.
func emptied(old any, v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Len() == 0 && reflect.ValueOf(old).Len() == 0
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
