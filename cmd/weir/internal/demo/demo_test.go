package demo

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestPageIsWhole: the page works offline, so it names nothing outside itself.
func TestPageIsWhole(t *testing.T) {
	if found := regexp.MustCompile(`(src|href)="(https?:)?//[^"]*"|url\(|@import|<link [^>]*href="[^d]`).FindString(source); found != "" {
		t.Errorf("the page loads %q", found)
	}
	for _, tag := range []string{"<script>", "<style>"} {
		if n := strings.Count(source, tag); n != 1 {
			t.Errorf("got %d of %s, want 1: the policy allows one", n, tag)
		}
	}
	if !strings.Contains(source, "'"+Topic+"'") || !strings.Contains(source, "'"+CountsPath+"'") {
		t.Error("the page names another topic or path than the package")
	}
}

// TestKey: the page gets the key as it is.
func TestKey(t *testing.T) {
	w := httptest.NewRecorder()
	Page(`"k&y"`).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if want := `<meta name="weir-key" content="&#34;k&amp;y&#34;">`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the page has no %s", want)
	}
}
