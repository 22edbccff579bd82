package demo

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run(method, func(t *testing.T) {
			w := httptest.NewRecorder()
			Page().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
			want := map[string]string{
				"Content-Type":           "text/html; charset=utf-8",
				"Content-Length":         strconv.Itoa(len(page)),
				"X-Content-Type-Options": "nosniff",
			}
			for name, value := range want {
				if got := w.Header().Get(name); got != value {
					t.Errorf("%s: got %q, want %q", name, got, value)
				}
			}
			if body := w.Body.String(); method == http.MethodGet && body != page || method == http.MethodHead && body != "" {
				t.Errorf("got %d bytes", len(body))
			}
		})
	}
}

// TestPolicy: the page may run what is in it, and load nothing.
func TestPolicy(t *testing.T) {
	w := httptest.NewRecorder()
	Page().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
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

// TestPageIsWhole: the page works offline, so it names nothing outside itself.
func TestPageIsWhole(t *testing.T) {
	if found := regexp.MustCompile(`(src|href)="(https?:)?//[^"]*"|url\(|@import|<link [^>]*href="[^d]`).FindString(page); found != "" {
		t.Errorf("the page loads %q", found)
	}
	for _, tag := range []string{"<script>", "<style>"} {
		if n := strings.Count(page, tag); n != 1 {
			t.Errorf("got %d of %s, want 1: the policy allows one", n, tag)
		}
	}
	if !strings.Contains(page, "'"+Topic+"'") || !strings.Contains(page, "'"+CountsPath+"'") {
		t.Error("the page names another topic or path than the package")
	}
}
