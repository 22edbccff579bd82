package codec

import (
	"strings"
	"testing"
)

func TestHostile09SameOrigin(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"http://example.com", "example.com", true},
		{"https://example.com", "example.com", true},
		{"http://EXAMPLE.com", "example.COM", true},
		{"http://example.com:80", "example.com", true},
		{"http://example.com", "example.com:80", true},
		{"https://example.com", "example.com:443", true},
		{"http://example.com:8080", "example.com:8080", true},
		{"http://[::1]:8080", "[::1]:8080", true},
		{"http://[::1]", "[::1]:80", true},
		{"http://example.com:", "example.com", true},
		{"http://example.com", "example.com:", true},
		{"http://example.com", "example.com:8080", false},
		{"http://example.com:8080", "example.com", false},
		{"http://example.com", "example.com:443", false},
		{"https://example.com", "example.com:80", false},
		{"http://example.com.evil", "example.com", false},
		{"http://evil.example.com", "example.com", false},
		{"http://example.com@evil", "example.com", false},
		{"http://evil/example.com", "example.com", false},
		{"http://example.com/", "example.com", false},
		{"http://example.com#", "example.com", false},
		{"http://a/b", "a/b", false}, // no host, whatever the request said
		{"null", "example.com", false},
		{"null", "null", false},
		{"", "", false},
		{"", "example.com", false},
		{"http://", "", false},
		{"example.com", "example.com", false},
		{"file://", "example.com", false},
		{"chrome-extension://example.com", "example.com", false},
		{"http://example.com http://evil", "example.com", false},
		{"http://\u212aelvin.com", "kelvin.com", false}, // the Kelvin sign folds to k in Unicode
	} {
		if got := SameOrigin([]byte(c.origin), []byte(c.host)); got != c.want {
			t.Errorf("SameOrigin(%q, %q) = %v, want %v", c.origin, c.host, got, c.want)
		}
	}
}

func TestMatchOrigin(t *testing.T) {
	for _, c := range []struct {
		origin, patterns string
		want             bool
	}{
		{"https://example.com", "example.com", true},
		{"https://example.com", "other.com example.com", true},
		{"https://example.com", "EXAMPLE.com", true},
		{"https://a.example.com", "*.example.com", true},
		{"https://a.b.example.com", "*.example.com", true},
		{"https://example.com", "*.example.com", false},
		{"https://evilexample.com", "*.example.com", false},
		{"https://example.com.evil", "*.example.com", false},
		{"https://example.com.evil", "example.com", false},
		{"http://localhost:3000", "localhost:*", true},
		{"http://localhost", "localhost:*", false},
		{"http://localhost:3000", "localhost", false},
		{"https://example.com", "https://example.com", true},
		{"http://example.com", "https://example.com", false},
		{"http://a.example.com", "http*://*.example.com", true},
		{"chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"null", "*", true},
		{"", "*", true},
		{"null", "null", true},
		{"null", "*.com nul* http://*", false},
		{"null", "", false},
		{"https://example.com", "", false},
		{"https://evil/.example.com", "*.example.com", false},
		{"https://evil@.example.com", "*.example.com", false},
		{"example.com", "example.com", false},
		{"http://[::1]:80", "[::1]:*", true},
	} {
		if got := MatchOrigin(c.origin, strings.Fields(c.patterns)); got != c.want {
			t.Errorf("MatchOrigin(%q, %q) = %v, want %v", c.origin, c.patterns, got, c.want)
		}
	}
}

// FuzzGlob: the pattern matches as the plain recursive definition says.
func FuzzGlob(f *testing.F) {
	f.Add("*.example.com", "a.example.com")
	f.Add("a*b*c", "aXbXbXc")
	f.Add("***", "")
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 100 || len(s) > 1000 {
			t.Skip("the definition takes len(p) × len(s) steps and as much memory")
		}
		if got, want := glob(p, s), globDefinition(p, s, map[[2]int]bool{}); got != want {
			t.Fatalf("glob(%q, %q) = %v, want %v", p, s, got, want)
		}
	})
}

// globDefinition knows which of its ends do not match: without that it is
// exponential in the stars.
func globDefinition(p, s string, not map[[2]int]bool) (matches bool) {
	at := [2]int{len(p), len(s)}
	if not[at] {
		return false
	}
	switch {
	case p == "":
		matches = s == ""
	case p[0] == '*':
		matches = globDefinition(p[1:], s, not) || s != "" && globDefinition(p, s[1:], not)
	default:
		matches = s != "" && equalFold(p[:1], s[:1]) && globDefinition(p[1:], s[1:], not)
	}
	if !matches {
		not[at] = true
	}
	return matches
}
