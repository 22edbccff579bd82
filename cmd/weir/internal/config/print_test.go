package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// fullEnviron is what testdata/full.yaml refers to.
var fullEnviron = []string{"ADMIN=an admin's token", "PUBLISH=a publisher's secret", "JWT=0123456789abcdef0123456789abcdef"}

// TestDefaultsAreDefaults: what is printed as the defaults is read as such.
func TestDefaultsAreDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := WriteDefaults(&b); err != nil {
		t.Fatal(err)
	}
	c := load(t, Source{File: file(t, b.String())})
	if !same(c, Default()) {
		t.Errorf("got %+v, want the defaults:\n%s", c, b.String())
	}
	for path := range known() {
		name := path[strings.LastIndexByte(path, '.')+1:]
		if !strings.Contains(b.String(), name+": ") {
			t.Errorf("%s is not there", path)
		}
	}
}

// TestExamplesAreRight: what is shown as an example would be accepted.
func TestExamplesAreRight(t *testing.T) {
	for path, k := range known() {
		if k.example == "" || strings.Contains(k.example, "${") {
			continue
		}
		for _, word := range strings.Split(strings.Trim(k.example, "[]"), ", ") {
			if wrong := k.judge(strings.Trim(word, `"`)); wrong != nil {
				t.Errorf("%s: %s: %v", path, k.example, wrong)
			}
		}
	}
}

func TestEffective(t *testing.T) {
	c := load(t, Source{File: "testdata/full.yaml", Environ: append(fullEnviron, "WEIR_LIMITS_MAX_MESSAGE=2k"), Flags: []Flag{{"--listen", "listen.addr", ":9000"}}})
	c.Auth.JWKS.URL = "https://me:hidden@id.example.com/jwks.json"
	var b bytes.Buffer
	if err := c.WriteEffective(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, secret := range []string{"an admin's token", "a publisher's secret", "0123456789abcdef", "hidden"} {
		if strings.Contains(text, secret) {
			t.Errorf("it shows %q:\n%s", secret, text)
		}
	}
	for _, want := range []string{
		"  addr: \":9000\" # --listen\n",
		"  max_message: 2KiB # WEIR_LIMITS_MAX_MESSAGE\n",
		"  keep_alive: 30s # default\n",
		"  token: \"***\" # testdata/full.yaml:6:31\n",
		"  - match: \"ticker-*\" # testdata/full.yaml:26:6\n    on_slow: conflate # testdata/full.yaml:26:25\n",
		"    on_slow: drop_old # default\n",
		"  duration: 1m30s # testdata/full.yaml:38:3\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

// printed is a configuration as a file that means the same.
func printed(c *Config) string {
	var b bytes.Buffer
	p := printer{b: &b, known: known()}
	p.group("", reflect.ValueOf(c).Elem(), 0)
	return b.String()
}

func TestPrintedIsRead(t *testing.T) {
	c := load(t, Source{File: "testdata/full.yaml", Environ: fullEnviron})
	c.Auth.Issuer = "${not a variable} \"quoted\"\n$${"
	again := load(t, Source{File: file(t, printed(c))})
	if !same(c, again) {
		t.Errorf("got %+v, want %+v", again, c)
	}
}

// TestSchema: it is JSON, and knows every key and no other.
func TestSchema(t *testing.T) {
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		if items, ok := s["items"].(map[string]any); ok && items["properties"] != nil {
			s, path = items, path+"[]"
		}
		properties, ok := s["properties"].(map[string]any)
		if !ok {
			paths[path] = true
			return
		}
		if s["additionalProperties"] != false {
			t.Errorf("%s: keys that there are not are let through", path)
		}
		for name, p := range properties {
			walk(join(path, name), p.(map[string]any))
		}
	}
	walk("", s)
	table := map[string]bool{}
	for path := range known() {
		table[path] = true
	}
	if !reflect.DeepEqual(paths, table) {
		t.Errorf("got %v, want %v", paths, table)
	}
}

func TestSettings(t *testing.T) {
	found := map[string]Setting{}
	for _, s := range Settings() {
		found[s.Variable] = s
	}
	if s := found["WEIR_LIMITS_MAX_CONNECTIONS"]; s.Key != "limits.max_connections" || s.Default != "0" || !s.Live {
		t.Errorf("got %+v", s)
	}
	if s := found["WEIR_TOPICS"]; s.Key != "topics" {
		t.Errorf("got %+v", s)
	}
	if len(found) < 35 {
		t.Errorf("got %d, want more", len(found))
	}
}
