package secret

import "testing"

func TestFind(t *testing.T) {
	secrets := []string{"", "abc", "abcd"}
	for _, test := range []struct {
		guess string
		want  int
	}{{"", -1}, {"ab", -1}, {"abc", 1}, {"abcd", 2}, {"abcde", -1}, {"ABC", -1}} {
		if got, ok := Find(test.guess, secrets); got != test.want || ok != (test.want >= 0) {
			t.Errorf("%q: got %d, %v, want %d", test.guess, got, ok, test.want)
		}
	}
	if Equal("", "") || !Equal("a", "a") || Equal("a", "b") {
		t.Error("Equal is not Find with one")
	}
}
