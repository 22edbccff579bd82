package codec

import (
	"strings"
	"testing"

	"github.com/gobwas/httphead"
)

// offers returns what a request with the fields offers, as one string.
func offers(t testing.TB, fields ...string) string {
	t.Helper()
	head := "GET / HTTP/1.1\r\nHost: a\r\n"
	for _, f := range fields {
		head += "Sec-WebSocket-Extensions: " + f + "\r\n"
	}
	var r Request
	if _, err := r.Parse([]byte(head+"\r\n"), Limits{HeadBytes: -1, Fields: -1}); err != nil {
		t.Fatal(err)
	}
	var out []string
	for name, params := range r.Offers() {
		out = append(out, string(name)+string(params))
	}
	return strings.Join(out, " | ")
}

func TestHostile10Extensions(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"none", nil, ""},
		{"one", []string{"permessage-deflate"}, "permessage-deflate"},
		{"parameters", []string{"permessage-deflate; client_max_window_bits; server_max_window_bits=10"}, "permessage-deflate; client_max_window_bits; server_max_window_bits=10"},
		{"several", []string{"a;b , c", "d"}, "a;b | c | d"},
		{"quoted", []string{`a; b="10"; c="\1"`}, `a; b="10"; c="\1"`},
		{"inside a string", []string{`x; y=",permessage-deflate;"`}, ""},
		{"unclosed quote", []string{`a; b="c, permessage-deflate`}, ""},
		{"unclosed escape", []string{`permessage-deflate, a; b="\`}, ""},
		{"8 KB of escapes", []string{`permessage-deflate, a; b="` + strings.Repeat(`\c`, 4000)}, ""},
		{"after a string", []string{`a; b="c"permessage-deflate`}, ""},
		{"one field is malformed", []string{"permessage-deflate", `a; b="`}, ""},
		{"empty", []string{""}, ""},
		{"no parameter", []string{"a;"}, ""},
		{"no value", []string{"a; b="}, ""},
		{"an empty string", []string{`a; b=""`}, ""},
		{"no name", []string{"; b"}, ""},
		{"a comma too many", []string{"a,,b"}, ""},
		{"two words", []string{"a b"}, ""},
		{"500", []string{strings.Repeat("a, ", 499) + "a"}, strings.Repeat("a | ", 499) + "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := offers(t, c.fields...); got != c.want {
				t.Fatalf("got %.200q, want %.200q", got, c.want)
			}
		})
	}
}

// FuzzExtensions: what is offered, gobwas/httphead reads in the same way, and
// the parts are tokens.
func FuzzExtensions(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits, a; b=\"c\"")
	f.Add(`x; y=",permessage-deflate;"`)
	f.Add(`a; b="\c`)
	f.Fuzz(func(t *testing.T, field string) {
		if !validValue(field) {
			t.Skip("no field value")
		}
		got := offers(t, field)
		if got == "" {
			return
		}
		// httphead does not take a tab for space in all places.
		field = strings.TrimSpace(strings.ReplaceAll(field, "\t", " "))
		options, ok := httphead.ParseOptions([]byte(field), nil)
		if !ok || len(options) != len(strings.Split(got, " | ")) {
			t.Fatalf("got %q, httphead %v %v", got, options, ok)
		}
		for i, offer := range strings.Split(got, " | ") {
			name, _, _ := strings.Cut(offer, ";")
			if name != string(options[i].Name) || !validToken(name) {
				t.Fatalf("got %q, httphead %q", name, options[i].Name)
			}
		}
	})
}
