package main_test

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestAdminAddress: weir does not begin to serve operators on an address that
// others reach unless there is a token, however the address is told.
func TestAdminAddress(t *testing.T) {
	file := weirtest.File(t, "weir.yaml", "listen: {addr: \"127.0.0.1:0\"}\nadmin: {addr: \"0.0.0.0:0\"}\n")
	const want = "is not a loopback address, and there is no admin.token: WEIR_ADMIN_TOKEN="
	for _, test := range []struct {
		name string
		env  []string
		args []string
		at   string
	}{
		{"flag", nil, []string{"--listen", "127.0.0.1:0", "--admin", ":0"}, "--admin admin.addr: "},
		{"flag, IPv6", nil, []string{"--listen", "127.0.0.1:0", "--admin", "[::]:0"}, "--admin admin.addr: "},
		{"flag, one of the network's", nil, []string{"--listen", "127.0.0.1:0", "--admin", "192.0.2.1:0"}, "--admin admin.addr: "},
		{"environment", []string{"WEIR_ADMIN_ADDR=:0"}, []string{"--listen", "127.0.0.1:0"}, "WEIR_ADMIN_ADDR admin.addr: "},
		{"file", nil, []string{"-c", file}, file + ":2:9 admin.addr: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := withEnv(t, test.env, append([]string{"serve"}, test.args...)...)
			if got.Exit != 2 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, test.at) || !strings.Contains(got.Stderr, want) {
				t.Errorf("got %+v, want 2 and %q", got, want)
			}
		})
	}
	t.Run("what it says to do helps", func(t *testing.T) {
		t.Setenv("WEIR_ADMIN_TOKEN", "what operators know")
		s := weirtest.ServeFile(t, file)
		for token, want := range map[string]int{"": 401, "what operators know": 200} {
			r, err := http.NewRequest(http.MethodGet, "http://"+s.Admin+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("with %q: got %s, want %d", token, answer.Status, want)
			}
		}
	})
}

// TestAdminDocs: what docs/operating.md lists is there, and answers. No body is one
// that is wanted, so nothing drains.
func TestAdminDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| (GET|POST|DELETE) \\| `(/[^`]*)` \\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 14 {
		t.Fatalf("it lists %q", rows)
	}
	s := weirtest.Serve(t, "--pprof")
	for _, row := range rows {
		path, want := strings.ReplaceAll(row[2], "{id}", "999"), http.StatusOK
		switch {
		case path != row[2]:
			want = http.StatusNotFound
		case path == "/api/admin/reload":
			want = http.StatusUnprocessableEntity // there is no file
		case row[1] == http.MethodPost:
			want = http.StatusBadRequest
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r, err := http.NewRequestWithContext(ctx, row[1], "http://"+s.Admin+path, strings.NewReader("no JSON"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 200)
		n, _ := answer.Body.Read(body) // a stream has no end
		cancel()
		answer.Body.Close()
		if answer.StatusCode != want || strings.Contains(string(body[:n]), "there is nothing for") {
			t.Errorf("%s %s: got %s, %s, want %d", row[1], row[2], answer.Status, body[:n], want)
		}
	}
}
