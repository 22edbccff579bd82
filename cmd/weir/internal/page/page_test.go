package page

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// html is a page.
const html = "<!doctype html><title>x</title><style>a{}</style><script>hello</script>"

func TestPage(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run(method, func(t *testing.T) {
			w := httptest.NewRecorder()
			Handler(html).ServeHTTP(w, httptest.NewRequest(method, "/", nil))
			want := map[string]string{
				"Content-Type":           "text/html; charset=utf-8",
				"Content-Length":         strconv.Itoa(len(html)),
				"X-Content-Type-Options": "nosniff",
			}
			for name, value := range want {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: got %q, want %q", name, got, value)
				}
			}
			if body := w.Body.String(); method == http.MethodGet && body != html || method == http.MethodHead && body != "" {
				t.Errorf("got %d bytes", len(body))
			}
		})
	}
}

// TestPolicy: the page may run what is in it, and load nothing.
func TestPolicy(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(html).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got %q, want %q in it", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("got %q, which allows what is unsafe", policy)
	}
	// SHA-256 of "hello", as openssl writes it.
	if got, want := hashOf("<script>hello</script>", "script"), "'sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
