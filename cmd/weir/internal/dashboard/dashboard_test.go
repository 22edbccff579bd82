package dashboard

import (
	"regexp"
	"strings"
	"testing"
)

// TestPageIsWhole: the page works offline, so it names nothing outside itself.
func TestPageIsWhole(t *testing.T) {
	if found := regexp.MustCompile(`(src|href)="(https?:)?//[^"]*"|url\(|@import|<link [^>]*href="[^d]`).FindString(html); found != "" {
		t.Errorf("the page loads %q", found)
	}
	for _, tag := range []string{"<script>", "<style>"} {
		if n := strings.Count(html, tag); n != 1 {
			t.Errorf("got %d of %s, want 1: the policy allows one", n, tag)
		}
	}
}
