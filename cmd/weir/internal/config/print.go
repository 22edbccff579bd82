package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/size"
)

// redacted stands for a secret that is not shown.
const redacted = "***"

// WriteDefaults writes a configuration that says what the defaults say, with
// what each key means: something to begin a file with.
func WriteDefaults(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# The configuration of weir serve. Every key is here with its default; keys that\n" +
		"# are commented out have none. What is marked live changes on SIGHUP.\n")
	p := printer{b: &b, known: known(), explain: true}
	p.group("", reflect.ValueOf(Default()).Elem(), 0)
	_, err := w.Write(b.Bytes())
	return err
}

// WriteEffective writes the configuration, with where each value came from and
// without secrets.
func (c *Config) WriteEffective(w io.Writer) error {
	var b bytes.Buffer
	p := printer{b: &b, known: known(), places: c.places, redact: true}
	p.group("", reflect.ValueOf(c).Elem(), 0)
	_, err := w.Write(b.Bytes())
	return err
}

// printer writes a configuration as YAML.
type printer struct {
	b       *bytes.Buffer
	known   map[string]*key
	places  map[string]Place // where values came from; nil: that is not told
	explain bool             // say what keys mean
	redact  bool             // don't show secrets
}

func (p *printer) group(path string, v reflect.Value, depth int) {
	eachField(v, func(name string, v reflect.Value) {
		indent := strings.Repeat("  ", depth)
		here := join(path, name)
		switch {
		case isGroup(v.Type()):
			if p.explain && depth == 0 {
				p.b.WriteByte('\n')
			}
			fmt.Fprintf(p.b, "%s%s:\n", indent, name)
			p.group(here, v, depth+1)
		case v.Kind() == reflect.Slice && isGroup(v.Type().Elem()):
			if p.explain && depth == 0 {
				p.b.WriteByte('\n')
			}
			p.groups(here, name, v, depth)
		default:
			p.value(here, name, v, indent)
		}
	})
}

// groups writes a list of groups. Of an empty one an example is given.
func (p *printer) groups(path, name string, v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	if v.Len() == 0 {
		fmt.Fprintf(p.b, "%s%s: []\n", indent, name)
		if p.explain {
			example := reflect.New(v.Type().Elem()).Elem()
			p.element(path+"[]", example, indent+"# ", indent+"#   ")
		}
		return
	}
	fmt.Fprintf(p.b, "%s%s:\n", indent, name)
	for i := range v.Len() {
		p.element(index(path, i), v.Index(i), indent+"  ", indent+"    ")
	}
}

// element writes a group of a list: its first line after first and a dash, the
// others after rest.
func (p *printer) element(path string, v reflect.Value, first, rest string) {
	inner := *p
	inner.b = new(bytes.Buffer)
	eachField(v, func(name string, v reflect.Value) { inner.value(join(path, name), name, v, "") })
	for i, line := range strings.Split(strings.TrimSuffix(inner.b.String(), "\n"), "\n") {
		if i == 0 {
			p.b.WriteString(first + "- " + line + "\n")
			continue
		}
		p.b.WriteString(rest + line + "\n")
	}
}

// value writes one key.
func (p *printer) value(path, name string, v reflect.Value, indent string) {
	k := p.known[pattern(path)]
	text := p.text(k, v)
	if !p.explain {
		fmt.Fprintf(p.b, "%s%s: %s%s\n", indent, name, text, p.origin(path))
		return
	}
	live := ""
	if k.live {
		live = ". Live"
	}
	doc := k.doc
	if k.words != nil {
		doc += ": " + strings.Join(k.words, ", ")
	}
	fmt.Fprintf(p.b, "%s# %s%s\n", indent, doc, live)
	if empty := v.IsZero() && (v.Kind() == reflect.String || v.Kind() == reflect.Slice); empty {
		if k.example != "" {
			text = k.example
		} else if k.words != nil {
			text = k.words[0]
		}
		if !strings.Contains(path, "[]") { // of an example, all is commented out
			indent += "# "
		}
	}
	fmt.Fprintf(p.b, "%s%s: %s\n", indent, name, text)
}

// origin is a comment that says where a value came from.
func (p *printer) origin(path string) string {
	if p.places == nil {
		return ""
	}
	return " # " + p.places[path].String()
}

// text is a value as the file has it.
func (p *printer) text(k *key, v reflect.Value) string {
	if v.Kind() != reflect.Slice {
		return p.scalar(k, v)
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = p.scalar(k, v.Index(i))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (p *printer) scalar(k *key, v reflect.Value) string {
	s := show(v)
	if p.redact && s != "" {
		if k.secret {
			s = redacted
		} else if u, err := url.Parse(s); err == nil && u.User != nil {
			s = u.Redacted()
		}
	}
	if v.Kind() == reflect.String {
		return quote(s)
	}
	return s
}

// show is the text of a value that is no list and no group.
func show(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return showDuration(x)
	case size.Bytes:
		return showSize(x)
	}
	return fmt.Sprint(v.Interface())
}

// plain is what YAML takes for a text without quotes, whatever its version.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)

// quote writes a text so that it is read as the same text.
func quote(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
	default:
		if plain.MatchString(s) {
			return s
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(strings.ReplaceAll(s, "${", "$${")); err != nil {
		panic("config: a text that is no JSON: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
