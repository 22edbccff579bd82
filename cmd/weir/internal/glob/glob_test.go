package glob

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"news", "news", true},
		{"news", "news2", false},
		{"*", "", true},
		{"*", "a/b:c", true},
		{"news:*", "news:", true},
		{"news:*", "news:de", true},
		{"news:*", "news", false},
		{"*:de", "news:de", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "a--b--c", true},
		{"a*b*c", "acb", false},
		{"a*a", "a", false},
		{"*ab*ab", "ab", false},
		{"*ab*ab", "abab", true},
		{"**", "x", true},
		{"a?c", "abc", false},
		{"a[b]", "a[b]", true},
		{"News", "news", false},
		{"日*", "日本", true},
	} {
		if got := Match(test.pattern, test.name); got != test.want {
			t.Errorf("%q, %q: got %v, want %v", test.pattern, test.name, got, test.want)
		}
	}
}

func TestAny(t *testing.T) {
	if !Any([]string{"a", "b*"}, "bc") || Any([]string{"a", "b*"}, "c") || Any(nil, "") {
		t.Error("Any is not Match of one of them")
	}
}

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		outer, inner string
		want         bool
	}{
		{"*", "news:*", true},
		{"news:*", "news:de:*", true},
		{"news:*", "*", false},
		{"news:*", "news:*", true},
		{"a*", "*a", false},
		{"a*c", "ab*c", true},
		{"a*c", "a*d", false},
		{"abc", "a*c", false},
	} {
		if got := Covers(test.outer, test.inner); got != test.want {
			t.Errorf("%q, %q: got %v, want %v", test.outer, test.inner, got, test.want)
		}
	}
}

// FuzzMatch: it says what a regular expression says.
func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "a--b--c")
	f.Add("*", "")
	f.Add("*ab*ab", "abab")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		parts := strings.Split(strings.ToValidUTF8(pattern, "?"), "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern, name = strings.ToValidUTF8(pattern, "?"), strings.ToValidUTF8(name, "?")
		want, err := regexp.MatchString(`(?s)^(?:`+strings.Join(parts, ".*")+`)$`, name)
		if err != nil {
			t.Skip(err)
		}
		if got := Match(pattern, name); got != want {
			t.Errorf("%q, %q: got %v, want %v", pattern, name, got, want)
		}
	})
}
