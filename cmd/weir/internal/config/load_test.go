package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// file writes a configuration to a file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load loads what must be right.
func load(t *testing.T, s Source) *Config {
	t.Helper()
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadFull(t *testing.T) {
	c := load(t, Source{File: "testdata/full.yaml", Environ: fullEnviron})
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"listen.addr", c.Listen.Addr, ":8080"},
		{"acme.domains", strings.Join(c.Listen.TLS.ACME.Domains, " "), "rt.example.com"},
		{"trusted_proxies", c.Listen.TrustedProxies[1].String(), "192.0.2.1/32"},
		{"admin.token", c.Admin.Token, "an admin's token"},
		{"anonymous", strings.Join(c.Auth.Anonymous.Subscribe, " "), "public:*"},
		{"keys", c.Auth.Keys[0], Key{ID: "a", Alg: "HS256", Secret: "0123456789abcdef0123456789abcdef"}},
		{"publish_keys", c.Auth.PublishKeys[0].Secret, "a publisher's secret"},
		{"topics", len(c.Topics), 3},
		{"topics[0]", c.Topics[0], Class{"ticker-*", Conflate, "event", 64 << 10}},
		{"topics[1]", c.Topics[1], Class{"chat-*", Disconnect, "topic", 256 << 10}},
		{"max_connections", c.Limits.MaxConnections, 100_000},
		{"connect_rate", c.Limits.ConnectRate, Rate(1.5)},
		{"client_rate", c.Limits.ClientRate, Rate(0)},
		{"max_message", int(c.Limits.MaxMessage), 1 << 20},
		{"keep_alive", c.Limits.KeepAlive, 30 * time.Second},
		{"drain.duration", c.Drain.Duration, 90 * time.Second},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, test.got, test.want)
		}
	}
}

// TestPrecedence: flag over environment over file over default, each with the
// place that it came from.
func TestPrecedence(t *testing.T) {
	path := file(t, "limits:\n  max_connections: 1\n  max_topics_per_conn: 1\n  max_message: 1KiB\n")
	c := load(t, Source{
		File:    path,
		Environ: []string{"WEIR_LIMITS_MAX_CONNECTIONS=2", "WEIR_LIMITS_MAX_TOPICS_PER_CONN=2", "WEIR_ADMIN_PPROF=true"},
		Flags:   []Flag{{"--max-connections", "limits.max_connections", "3"}},
	})
	l := c.Limits
	if l.MaxConnections != 3 || l.MaxTopicsPerConn != 2 || l.MaxMessage != 1024 || l.KeepAlive != 30*time.Second || !c.Admin.Pprof {
		t.Errorf("got %+v", l)
	}
	for path, want := range map[string]string{
		"limits.max_connections":     "--max-connections",
		"limits.max_topics_per_conn": "WEIR_LIMITS_MAX_TOPICS_PER_CONN",
		"limits.max_message":         path + ":4:3",
		"limits.keep_alive":          "default",
	} {
		if got := c.places[path].String(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// TestOverlay: lists come from the environment, too, and faults name it.
func TestOverlay(t *testing.T) {
	c := load(t, Source{File: file(t, "auth:\n  allowed_origins: [\"https://old.example.com\"]\n"), Environ: []string{
		"WEIR_AUTH_ALLOWED_ORIGINS=https://a.example.com, https://b.example.com",
		`WEIR_TOPICS=[{match: "a*", on_slow: drop_new}, {match: "*"}]`,
		"WEIR_LISTEN_TRUSTED_PROXIES=",
	}})
	if got := strings.Join(c.Auth.AllowedOrigins, " "); got != "https://a.example.com https://b.example.com" {
		t.Errorf("got %q", got)
	}
	if len(c.Topics) != 2 || c.Topics[0].OnSlow != DropNew || c.Class("b").OnSlow != DropOld {
		t.Errorf("got %+v", c.Topics)
	}
	_, err := Load(Source{
		Environ: []string{"WEIR_TOPICS=[{match: 5}]", "WEIR_LIMITS_CLIENT_RATE=x", "WEIR_AUTH_ALLOWED_ORIGINS=a.example.com"},
		Flags:   []Flag{{"--listen", "listen.addr", "8080"}},
	})
	faults, _ := AsFaults(err)
	want := []string{
		`WEIR_TOPICS:1:3 topics[0].match: a number stands where a text is wanted; put it in quotes`,
		`WEIR_AUTH_ALLOWED_ORIGINS auth.allowed_origins[0]: "a.example.com" has no scheme; an origin is like https://example.com (did you mean "https://a.example.com"?)`,
		`WEIR_LIMITS_CLIENT_RATE limits.client_rate: "x" is not a rate; write it like 2000/s, 90/m or 10/h`,
		`--listen listen.addr: "8080" is no address; it is host:port or unix:/path (did you mean "127.0.0.1:8080"?)`,
	}
	if got := strings.Split(faults.Error(), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEmpty: no file, an empty one and one of comments mean the defaults.
func TestEmpty(t *testing.T) {
	for _, path := range []string{"", file(t, ""), file(t, "# nothing\n"), file(t, "limits:\n"), file(t, "---\n")} {
		c := load(t, Source{File: path})
		c.places = nil
		if !reflect.DeepEqual(c, Default()) {
			t.Errorf("%s: got %+v, want the defaults", path, c)
		}
	}
}

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "a", "B_2": "${A}", "E": ""}
	for _, test := range []struct{ in, want, wrong string }{
		{"", "", ""},
		{"$", "$", ""},
		{"$A", "$A", ""},
		{"${A}", "a", ""},
		{"x${A}y${B_2}z${E}", "xay${A}z", ""},
		{"$${A}", "${A}", ""},
		{"$$${A}", "$${A}", ""},
		{"${A", "", "${ has no } behind it; a ${ that stands for itself is written $${"},
		{"${}", "", `"" is no name of a variable`},
		{"${2}", "", `"2" is no name of a variable`},
		{"${Z}", "", "the environment has no Z"},
	} {
		got, wrong := expand(test.in, env)
		if got != test.want || (wrong != nil) != (test.wrong != "") || wrong != nil && wrong.what != test.wrong {
			t.Errorf("%q: got %q, %v, want %q, %q", test.in, got, wrong, test.want, test.wrong)
		}
	}
}

// TestRelationsAreFaultsOfOverlays: what two keys say together has the place of
// the one that was set last.
func TestRelationsAreFaultsOfOverlays(t *testing.T) {
	_, err := Load(Source{Environ: []string{"WEIR_ADMIN_ADDR=0.0.0.0:8081"}})
	if want := "WEIR_ADMIN_ADDR admin.addr: 0.0.0.0:8081 is not a loopback address, and there is no admin.token: WEIR_ADMIN_TOKEN=$(openssl rand -hex 32) is one"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFileErrors(t *testing.T) {
	if _, err := Load(Source{File: "testdata/none.yaml"}); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
	if _, err := Load(Source{File: t.TempDir()}); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Load(Source{File: file(t, strings.Repeat("#", maxFileBytes+1))}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

// TestKeys: the table of keys and the fields are the same.
func TestKeys(t *testing.T) {
	table := map[string]bool{}
	for path, k := range known() { // it panics if there is no field
		table[path] = true
		if k.doc == "" || strings.HasSuffix(k.doc, ".") {
			t.Errorf("%s: %q", path, k.doc)
		}
	}
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch {
		case isGroup(typ):
			eachField(reflect.New(typ).Elem(), func(name string, v reflect.Value) { walk(join(path, name), v.Type()) })
		case typ.Kind() == reflect.Slice && isGroup(typ.Elem()):
			walk(path+"[]", typ.Elem())
		case !table[path]:
			t.Errorf("%s is not in the table of keys", path)
		}
	}
	walk("", reflect.TypeFor[Config]())
}

// FuzzLoad: nothing panics; what is refused is refused with a place, and what is
// accepted is accepted with the same meaning once it is printed.
func FuzzLoad(f *testing.F) {
	broken, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(broken, "testdata/full.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		d := &decoder{file: "f", known: known(), places: map[string]Place{}}
		d.document([]byte(text), "", reflect.ValueOf(c).Elem())
		for _, fault := range d.faults {
			if fault.Place.Line < 1 || fault.Place.Column < 1 || fault.What == "" || strings.Contains(fault.String(), "\n") && !strings.Contains(text, "\n") {
				t.Errorf("%q", fault.String())
			}
		}
		if len(d.faults) > 0 || strings.Contains(text, "\ufffd") || !utf8.ValidString(text) {
			return
		}
		again := Default()
		d = &decoder{file: "f", known: known(), places: map[string]Place{}}
		d.document([]byte(printed(c)), "", reflect.ValueOf(again).Elem())
		if len(d.faults) > 0 || !same(again, c) {
			t.Errorf("%q: got %v, %+v, want %+v, printed as\n%s", text, d.faults, again, c, printed(c))
		}
	})
}

// same reports whether two configurations mean the same.
func same(a, b *Config) bool {
	changes := Diff(a, b)
	return changes.Live == nil && changes.Restart == nil
}
