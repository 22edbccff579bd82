package config

import (
	"reflect"
	"slices"
	"strings"
)

// Variable is the name of the environment's variable for a key:
// WEIR_LIMITS_MAX_CONNECTIONS for limits.max_connections.
func Variable(path string) string {
	return "WEIR_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// settable calls f for every value that the environment and the command line may
// set: all but what is inside lists of groups, which are set whole.
func settable(c *Config, f func(path string, v reflect.Value)) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if isGroup(v.Type()) {
			eachField(v, func(name string, v reflect.Value) { walk(join(path, name), v) })
			return
		}
		f(path, v)
	}
	walk("", reflect.ValueOf(c).Elem())
}

// environ overlays the environment.
func (d *decoder) environ(c *Config) {
	names := map[string]bool{}
	settable(c, func(path string, v reflect.Value) {
		names[Variable(path)] = true
		if text, ok := d.env[Variable(path)]; ok {
			d.overlay(Place{Source: Variable(path)}, path, v, text)
		}
	})
	for name := range d.env {
		key, ours := strings.CutPrefix(name, Variable(""))
		group, _, inGroup := strings.Cut(key, "_")
		if _, known := fieldOf(reflect.ValueOf(c).Elem(), strings.ToLower(group)); ours && inGroup && known && !names[name] {
			c.strange = append(c.strange, name)
		}
	}
	slices.Sort(c.strange)
}

// flags overlays the command line.
func (d *decoder) flags(c *Config, flags []Flag) {
	for _, f := range flags {
		settable(c, func(path string, v reflect.Value) {
			if path == f.Path {
				d.overlay(Place{Source: f.Name}, path, v, f.Text)
			}
		})
	}
}

// overlay sets one value to what text says: one value as it is, a list of texts
// with commas between them, a list of groups in YAML.
func (d *decoder) overlay(at Place, path string, v reflect.Value, text string) {
	for known := range d.places {
		if strings.HasPrefix(known, path+"[") {
			delete(d.places, known)
		}
	}
	d.places[path] = at
	k := d.known[path]
	if v.Kind() != reflect.Slice {
		if wrong := setText(v, k, text); wrong != nil {
			d.fault(at, path, wrong.what, wrong.near)
		}
		return
	}
	if isGroup(v.Type().Elem()) {
		inner := &decoder{file: at.Source, env: d.env, known: d.known, places: d.places}
		inner.document([]byte(text), path, v)
		d.faults = append(d.faults, inner.faults...)
		return
	}
	v.SetZero()
	for i, part := range splitList(text) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.places[index(path, i)] = at
		if wrong := setText(element, k, part); wrong != nil {
			d.fault(at, index(path, i), wrong.what, wrong.near)
			continue
		}
		v.Set(reflect.Append(v, element))
	}
}

// splitList splits at commas; nothing is an empty list.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// Setting is a key that the environment may set.
type Setting struct {
	Variable string `json:"variable"`
	Key      string `json:"key"`
	Default  string `json:"default"`
	Doc      string `json:"doc"`
	Live     bool   `json:"live"`
}

// Settings are all of them, in the order of the file.
func Settings() []Setting {
	var all []Setting
	table, p := known(), printer{}
	settable(Default(), func(path string, v reflect.Value) {
		s := Setting{Variable: Variable(path), Key: path, Live: isLive(table, path, v.Type())}
		if k := table[path]; k != nil {
			s.Doc, s.Default = k.doc, p.text(k, v)
		} else {
			s.Doc = "A list of groups, in YAML on one line"
		}
		all = append(all, s)
	})
	return all
}
