package docs

import (
	"os"
	"strings"
	"testing"
)

// TestRFC7692: each row of rfc7692.md names a test that exists.
func TestRFC7692(t *testing.T) {
	text, err := os.ReadFile("rfc7692.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := map[string]int{}
	for _, row := range allRows(string(text), "section", "requirement", "test, or why there is none") {
		quoted[row[0]] += len(mustWord.FindAllString(row[1], -1))
	}
	if len(quoted) < 10 {
		t.Fatalf("got %d sections", len(quoted))
	}
	if complaints := checkRequirements(os.DirFS(".."), string(text), quoted); len(complaints) > 0 {
		t.Error(strings.Join(complaints, "\n"))
	}
}
