package engine

import (
	"strings"
	"testing"
)

func TestEndpoint(t *testing.T) {
	for _, tc := range []struct{ in, network, addr, host, target string }{
		{"ws://a", "tcp", "a:80", "a", "/"},
		{"http://a/b?c#", "tcp", "a:80", "a", "/b?c"},
		{"ws://a:80/x", "tcp", "a:80", "a", "/x"},
		{"ws://a:443", "tcp", "a:443", "a:443", "/"},
		{"wss://a:443", "tcp", "a:443", "a", "/"},
		{"HTTPS://A.test/%20?", "tcp", "A.test:443", "A.test", "/%20?"},
		{"wss://a:81?b", "tcp", "a:81", "a:81", "/?b"},
		{"ws://a:/", "tcp", "a:80", "a", "/"},
		{"ws://u:p@a/", "tcp", "a:80", "a", "/"},
		{"ws://[::1]/", "tcp", "[::1]:80", "[::1]", "/"},
		{"ws://[::1]:81/", "tcp", "[::1]:81", "[::1]:81", "/"},
		{"ws://[fe80::1%25lo]:81/", "tcp", "[fe80::1%lo]:81", "[fe80::1]:81", "/"},
		{"ws+unix:/run/s", "unix", "/run/s", "localhost", "/"},
		{"ws+unix:///run/s:/a/b:c?d=e:f", "unix", "/run/s", "localhost", "/a/b:c?d=e:f"},
		{"ws+unix:/a%3Ab%20c:/%20", "unix", "/a:b c", "localhost", "/%20"},
		{"ws+unix:s/t:/u", "unix", "s/t", "localhost", "/u"},
		{"ws+unix:@abstract:/u", "unix", "@abstract", "localhost", "/u"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			e, err := parseEndpoint(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if e.network != tc.network || e.addr != tc.addr || e.host != tc.host || e.target != tc.target {
				t.Errorf("got %s %q, host %q, target %q", e.network, e.addr, e.host, e.target)
			}
			if want := strings.HasPrefix(strings.ToLower(tc.in), "wss:") || strings.HasPrefix(strings.ToLower(tc.in), "https:"); e.secure != want {
				t.Errorf("TLS: %v", e.secure)
			}
		})
	}
	for _, in := range []string{
		"", ":", "a", "/a", "//a/", "ws:", "ws:a", "ws://", "ws://:80", "ws:///a", "ws://a b/", "ftp://a/", "ws://a/#b", "ws+unix:", "ws+unix::/a",
		"ws+unix://a/b", "ws+unix:/%zz", "ws://a:b/", "ws://secret:word@a b/", "wsx://u:secret@a/",
	} {
		if e, err := parseEndpoint(in); err == nil || strings.Contains(err.Error(), "secret@") || strings.Contains(err.Error(), "word") {
			t.Errorf("%q: got %+v, %v", in, e, err)
		}
	}
}

func TestEndpointRedirected(t *testing.T) {
	for _, tc := range []struct{ from, to, addr, target string }{
		{"ws://a/b/c?d", "e", "a:80", "/b/e"},
		{"wss://u:p@a/b", "/e#f", "a:443", "/e"},
		{"wss://a/b", "//c/e", "c:443", "/e"},
		{"ws://a/b", "https://c:81/e", "c:81", "/e"},
		{"ws://a/b?x", "?y", "a:80", "/b?y"},
		{"ws+unix:/s:/b/c?d", "e", "/s", "/b/e"},
		{"ws+unix:/s:/b", "/e?f", "/s", "/e?f"},
		{"ws+unix:/s:/b", "ws://c/e", "c:80", "/e"},
		{"ws://a/", "ws+unix:/s:/e", "", ""},
		{"ws+unix:/s:/b", "ws+unix:/s:/e", "", ""},
		{"ws+unix:/s:/b", "//c/e", "", ""},
		{"ws://a/", "ftp://a/", "", ""},
		{"ws://a/", "http://", "", ""},
		{"ws://a/", "\x7f", "", ""},
	} {
		from, err := parseEndpoint(tc.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := from.redirected(tc.to)
		if (err == nil) != (tc.addr != "") || err == nil && (to.addr != tc.addr || to.target != tc.target) {
			t.Errorf("%s to %s: got %+v, %v", tc.from, tc.to, to, err)
		}
	}
}

func TestEndpointSameHost(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"ws://a/b", "http://A:80/c", true},
		{"ws://a", "wss://a", true},
		{"ws://a", "ws://b", false},
		{"ws://a", "ws://b.a", false},
		{"ws://a", "ws://a:81", false},
		{"ws://a:443", "wss://a", false},
		{"ws://[fe80::1%25x]", "ws://[fe80::1%25y]", false},
		{"ws+unix:/s:/a", "ws+unix:/s:/b", true},
		{"ws+unix:/s:/a", "ws+unix:/t:/a", false},
		{"ws+unix:/s:/a", "ws://localhost/a", false},
	} {
		a, aerr := parseEndpoint(tc.a)
		b, berr := parseEndpoint(tc.b)
		if aerr != nil || berr != nil {
			t.Fatal(aerr, berr)
		}
		if a.sameHost(b) != tc.want || b.sameHost(a) != tc.want {
			t.Errorf("%s and %s: got %v, want %v", tc.a, tc.b, !tc.want, tc.want)
		}
	}
}
