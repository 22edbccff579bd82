package memory

import (
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOfGroup(t *testing.T) {
	for _, test := range []struct {
		name, self string
		files      map[string]string
		want       State
	}{
		{"its own limit", "0::/a/b\n", map[string]string{
			"a/b/memory.max": "1000\n", "a/b/memory.current": "900\n", "a/b/memory.stat": "anon 1\ninactive_file 300\n",
		}, State{1000, 600, true}},
		{"that of a group around it", "0::/a/b\n", map[string]string{
			"a/memory.max": "1000\n", "a/memory.current": "900\n",
			"a/b/memory.max": "max\n", "a/b/memory.current": "800\n",
		}, State{1000, 900, true}},
		{"the smaller one", "0::/a/b\n", map[string]string{
			"a/memory.max": "1000\n", "a/memory.current": "900\n",
			"a/b/memory.max": "500\n", "a/b/memory.current": "100\n",
		}, State{500, 100, true}},
		{"none", "0::/a\n", map[string]string{"a/memory.max": "max\n", "a/memory.current": "1\n"}, State{}},
		{"version 1", "5:cpu,memory:/x\n0::/\n", map[string]string{
			"memory/x/memory.limit_in_bytes": "1000\n", "memory/x/memory.usage_in_bytes": "400\n", "memory/x/memory.stat": "total_inactive_file 100\n",
		}, State{1000, 300, true}},
		{"version 1 without a limit", "5:memory:/x\n", map[string]string{
			"memory/x/memory.limit_in_bytes": "9223372036854771712\n", "memory/x/memory.usage_in_bytes": "400\n",
		}, State{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "self"), test.self)
			for name, text := range test.files {
				put(t, filepath.Join(dir, "groups", name), text)
			}
			got, ok := ofGroup(filepath.Join(dir, "groups"), filepath.Join(dir, "self"))
			if got != test.want || ok != (test.want.Limit > 0) {
				t.Errorf("got %+v, %v, want %+v", got, ok, test.want)
			}
		})
	}
}

func TestNow(t *testing.T) {
	s, ok := Now()
	if !ok || s.Limit <= 0 || s.Used <= 0 || s.Used > s.Limit {
		t.Errorf("got %+v, %v", s, ok)
	}
	if rss, ok := Resident(); !ok || rss < 1<<20 {
		t.Errorf("resident: got %d, %v", rss, ok)
	}
}

func TestFull(t *testing.T) {
	for _, test := range []struct {
		s    State
		want bool
	}{
		{State{Limit: 1000, Used: 899}, false},
		{State{Limit: 1000, Used: 900}, true},
		{State{}, false},
	} {
		if got := test.s.Full(90); got != test.want {
			t.Errorf("%+v: got %v", test.s, got)
		}
	}
}
