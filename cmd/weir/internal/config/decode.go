package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/weirws/weir/cmd/weir/internal/spelling"
)

// decoder fills a Config from YAML, and gathers what is wrong with it. It looks
// at the syntax tree: the errors need its places, and all of them are wanted.
type decoder struct {
	file   string // the name that errors have
	env    map[string]string
	known  map[string]*key
	places map[string]Place
	faults Faults
}

func (d *decoder) fault(at Place, path, what, near string) {
	d.faults = append(d.faults, Fault{Place: at, Path: path, What: what, Near: near})
}

func (d *decoder) faultf(at Place, path, format string, args ...any) {
	d.fault(at, path, fmt.Sprintf(format, args...), "")
}

// document parses text and decodes it into v, whose path is given.
func (d *decoder) document(text []byte, path string, v reflect.Value) {
	file, err := parse(text)
	var wrong *yaml.SyntaxError
	switch {
	case errors.As(err, &wrong):
		d.fault(d.place(wrong.Token), path, syntax(wrong), "")
		return
	case err != nil:
		d.fault(Place{d.file, 1, 1}, path, err.Error(), "")
		return
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0: // nothing is said
	case 1:
		d.value(v, path, d.start(bodies[0]), bodies[0])
	default:
		d.faultf(d.start(bodies[1]), path, "a second document begins here; a configuration is one")
	}
}

// parse is the parser's, which is not to be trusted with any input.
func parse(text []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("this is no YAML that can be read")
		}
	}()
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// place is where a token begins.
func (d *decoder) place(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{d.file, 1, 1}
	}
	return Place{d.file, max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// start is where a node begins. A mapping's own token is its first colon.
func (d *decoder) start(n ast.Node) Place {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return d.place(m.Values[0].Key.GetToken())
	}
	return d.place(n.GetToken())
}

// value decodes n into v. at is what errors point at: the key, or the element
// of a list.
func (d *decoder) value(v reflect.Value, path string, at Place, n ast.Node) {
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.faultf(at, path, "anchors and aliases are not understood here; write the value out")
		return
	case *ast.TagNode:
		d.faultf(at, path, "tags are not understood here; write the value without %s", n.Start.Value)
		return
	}
	switch {
	case isGroup(v.Type()):
		d.group(v, path, at, n)
	case v.Kind() == reflect.Slice:
		d.list(v, path, at, n)
	default:
		d.scalar(v, path, at, n)
	}
}

// group decodes a mapping.
func (d *decoder) group(v reflect.Value, path string, at Place, n ast.Node) {
	m, ok := n.(ast.MapNode)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			return // a key with nothing below it says nothing
		}
		d.faultf(at, path, "%s stands where keys are wanted: %s", kindOf(n), strings.Join(fieldNames(v), ", "))
		return
	}
	seen := map[string]Place{}
	for it := m.MapRange(); it.Next(); {
		at := d.place(it.Key().GetToken())
		name, ok := keyText(it.Key())
		if !ok {
			d.faultf(at, path, "a key is a plain word, and this is %s", kindOf(it.Key()))
			continue
		}
		here := join(path, name)
		if first, twice := seen[name]; twice {
			d.faultf(at, here, "the key is there twice, first on line %d", first.Line)
			continue
		}
		seen[name] = at
		field, ok := fieldOf(v, name)
		if !ok {
			names := fieldNames(v)
			near, known := spelling.Nearest(name, names)
			what := "there is no such key"
			switch elsewhere := d.elsewhere(name); {
			case known:
			case elsewhere != "":
				what, near = "there is no such key here", elsewhere
			default:
				what += "; there are " + strings.Join(names, ", ")
			}
			d.fault(at, here, what, near)
			continue
		}
		d.places[here] = at
		d.value(field, here, at, it.Value())
	}
}

// elsewhere is where a key or a group of that name is, if it is in one place
// only.
func (d *decoder) elsewhere(name string) (found string) {
	for path := range d.known {
		for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
			group := path[:end]
			if strings.TrimSuffix(group[strings.LastIndexByte(group, '.')+1:], "[]") != name || group == found {
				continue
			}
			if found != "" {
				return ""
			}
			found = group
		}
	}
	return found
}

// keyText is the name of a key.
func keyText(n ast.MapKeyNode) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.NullNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// list decodes a sequence: what the defaults have is replaced.
func (d *decoder) list(v reflect.Value, path string, at Place, n ast.Node) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); null {
			v.SetZero()
			return
		}
		fault := Fault{Place: at, Path: path, What: kindOf(n) + " stands where a list is wanted"}
		if text, ok := d.text(n); ok && !isGroup(v.Type().Elem()) {
			fault.Near = "[" + text + "]"
		}
		d.faults = append(d.faults, fault)
		return
	}
	if len(seq.Values) > maxItems {
		d.faultf(at, path, "the list has %d elements; %d are the most", len(seq.Values), maxItems)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, element := range seq.Values {
		here, at := index(path, i), d.start(element)
		d.places[here] = at
		d.element(v.Index(i), here, at, element)
	}
}

// element decodes one of a list: a class has its defaults, and what is required
// is asked for.
func (d *decoder) element(v reflect.Value, path string, at Place, n ast.Node) {
	if class, ok := v.Addr().Interface().(*Class); ok {
		*class = DefaultClass()
	}
	before := len(d.faults)
	d.value(v, path, at, n)
	if !isGroup(v.Type()) || len(d.faults) > before {
		return
	}
	eachField(v, func(name string, _ reflect.Value) {
		here := join(path, name)
		if _, given := d.places[here]; !given && d.known[pattern(here)] != nil && d.known[pattern(here)].required {
			d.faultf(at, path, "%s is missing", name)
		}
	})
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// scalar decodes a text, a number or a truth value.
func (d *decoder) scalar(v reflect.Value, path string, at Place, n ast.Node) {
	k := d.known[pattern(path)]
	if k == nil { // an element of a list of texts
		k = d.known[strings.TrimSuffix(pattern(path), "[]")]
	}
	if _, null := n.(*ast.NullNode); null {
		d.faultf(at, path, "there is no value")
		return
	}
	text, ok := d.text(n)
	if !ok {
		d.faultf(at, path, "%s stands where one value is wanted", kindOf(n))
		return
	}
	if v.Kind() == reflect.String {
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			d.faultf(at, path, "%s stands where a text is wanted; put it in quotes", kindOf(n))
			return
		}
	}
	text, wrong := expand(text, d.env)
	if wrong == nil {
		wrong = setText(v, k, text)
	}
	if wrong != nil { // of a secret it says the length at most
		d.fault(at, path, wrong.what, wrong.near)
	}
}

// text is what a node that is one value says.
func (d *decoder) text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kindOf names what a node is.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.NullNode:
		return "nothing"
	case *ast.MergeKeyNode:
		return "a merge"
	}
	return "a text"
}
