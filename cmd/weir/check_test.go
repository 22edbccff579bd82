package main_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// withEnv runs weir with variables of its own.
func withEnv(t *testing.T, env []string, args ...string) weirtest.Result {
	t.Helper()
	cmd := exec.Command(weirtest.Binary(), args...)
	cmd.Env = append(os.Environ(), env...)
	return weirtest.RunCommand(t, cmd, "")
}

// TestCheckBroken: each broken file ends weir check with exit code 2, and every
// line but the last two has a place.
func TestCheckBroken(t *testing.T) {
	files, err := filepath.Glob("internal/config/testdata/broken/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	place := regexp.MustCompile(`^internal/config/testdata/broken/[a-z-]+\.yaml:\d+:\d+( [a-z_.\[\]0-9<]+)?: `)
	for _, file := range files {
		got := weirtest.Run(t, "", "check", "-c", file)
		if got.Exit != 2 || got.Stdout != "" {
			t.Errorf("%s: got %d, %q, want 2 and nothing", file, got.Exit, got.Stdout)
		}
		lines := strings.Split(strings.TrimSpace(got.Stderr), "\n")
		if n := len(lines); n < 3 || !strings.HasPrefix(lines[n-2], "weir: the configuration has ") {
			t.Errorf("%s: got %q", file, lines)
			continue
		}
		for _, line := range lines[:len(lines)-2] {
			if !place.MatchString(filepath.ToSlash(line)) {
				t.Errorf("%s: no place in %q", file, line)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	good := weirtest.File(t, "weir.yaml", "auth: {anonymous: {subscribe: [\"*\"]}}\n")
	if got := weirtest.Run(t, "", "check", "-c", good); got.Exit != 0 || got.Stdout != good+" is right\n" || !strings.Contains(got.Stderr, "nobody may publish") {
		t.Errorf("got %+v", got)
	}
	if got := weirtest.Run(t, "", "check"); got.Exit != 0 || got.Stdout != "the environment is right\n" {
		t.Errorf("got %+v", got)
	}
	if got := withEnv(t, []string{"WEIR_LIMITS_CLIENT_RATE=fast"}, "check", "-c", good); got.Exit != 2 || !strings.HasPrefix(got.Stderr, "WEIR_LIMITS_CLIENT_RATE limits.client_rate: ") {
		t.Errorf("got %+v", got)
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if got := weirtest.Run(t, "", "check", "-c", missing); got.Exit != 2 || !strings.Contains(got.Stderr, "weir config print --defaults > ") {
		t.Errorf("got %+v", got)
	}
	// What it names is read, too.
	names := weirtest.File(t, "weir.yaml", "auth: {keys: [{alg: RS256, public_key: none.pem}]}\nlisten: {tls: {cert: none.crt, key: none.key}}\n")
	if got := weirtest.Run(t, "", "check", "-c", names); got.Exit != 2 || !strings.HasPrefix(got.Stderr, names+":1:28 auth.keys[0].public_key: ") || strings.Count(got.Stderr, names+":2:") != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestCheckJSON(t *testing.T) {
	bad := weirtest.File(t, "weir.yaml", "limits: {client_rate: 5}\ncolour: red\n")
	got := weirtest.Run(t, "", "check", "-c", bad, "-o", "json")
	var answer struct {
		OK     bool
		Faults []struct {
			Source, Path, What, Near string
			Line, Column             int
		}
	}
	if err := json.Unmarshal([]byte(got.Stdout), &answer); err != nil || got.Exit != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if answer.OK || len(answer.Faults) != 2 || answer.Faults[0].Near != "5/s" || answer.Faults[1].Line != 2 || answer.Faults[1].Path != "colour" {
		t.Errorf("got %+v", answer)
	}
}

// TestCheckNotes: what is allowed and hardly meant is told, in both forms.
func TestCheckNotes(t *testing.T) {
	path := weirtest.File(t, "weir.yaml", `
listen: {addr: ":8080", trusted_proxies: [0.0.0.0/0]}
auth:
  allowed_origins: ["*"]
  anonymous: {publish: ["open"]}
  publish_keys: [{name: idle, secret: "0123456789abcdef"}]
`)
	wants := []string{
		"nobody may subscribe", "whoever reaches :8080 may publish", "the pages of any site may connect",
		"whoever connects may claim any address: there is 0.0.0.0/0", "the publish key idle has no topics",
		"the environment has WEIR_LIMITS_MAX_CONECTIONS",
	}
	t.Setenv("WEIR_LIMITS_MAX_CONECTIONS", "5")
	got := weirtest.Run(t, "", "check", "-c", path)
	if n := strings.Count(got.Stderr, "weir: note: "); got.Exit != 0 || n != len(wants) {
		t.Errorf("got %+v, want %d notes", got, len(wants))
	}
	var answer struct {
		OK    bool
		Notes []string
	}
	if err := json.Unmarshal([]byte(weirtest.Run(t, "", "check", "-c", path, "-o", "json").Stdout), &answer); err != nil || !answer.OK || len(answer.Notes) != len(wants) {
		t.Errorf("got %+v, %v", answer, err)
	}
	for _, want := range wants {
		if !strings.Contains(got.Stderr, want) || !strings.Contains(strings.Join(answer.Notes, "\n"), want) {
			t.Errorf("there is no %q in\n%s%s", want, got.Stderr, answer.Notes)
		}
	}
}

func TestConfigPrint(t *testing.T) {
	defaults := weirtest.Run(t, "", "config", "print", "--defaults")
	path := weirtest.File(t, "weir.yaml", defaults.Stdout)
	if got := weirtest.Run(t, "", "check", "-c", path); got.Exit != 0 {
		t.Errorf("the defaults are refused: %+v", got)
	}
	effective := withEnv(t, []string{"WEIR_LIMITS_MAX_CONNECTIONS=7", "WEIR_ADMIN_TOKEN=a secret of operators"}, "config", "print", "-c", path)
	for _, want := range []string{"  max_connections: 7 # WEIR_LIMITS_MAX_CONNECTIONS\n", "  token: \"***\" # WEIR_ADMIN_TOKEN\n", "  keep_alive: 30s # " + path + ":"} {
		if !strings.Contains(effective.Stdout, want) {
			t.Errorf("there is no %q in\n%s", want, effective.Stdout)
		}
	}
	if strings.Contains(effective.Stdout, "operators") {
		t.Error("it shows a secret")
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(weirtest.Run(t, "", "config", "print", "--schema").Stdout), &schema); err != nil {
		t.Error(err)
	}
	if env := weirtest.Run(t, "", "config", "print", "--env"); !strings.Contains(env.Stdout, "\nWEIR_LIMITS_MAX_CONNECTIONS  ") {
		t.Errorf("got %s", env.Stdout)
	}
	var settings []map[string]any
	if err := json.Unmarshal([]byte(weirtest.Run(t, "", "config", "print", "--env", "-o", "json").Stdout), &settings); err != nil || len(settings) < 30 {
		t.Errorf("got %v, %v", settings, err)
	}
	if got := weirtest.Run(t, "", "config", "print", "--env", "--schema"); got.Exit != 2 || !strings.Contains(got.Stderr, "--schema and --env") {
		t.Errorf("got %+v", got)
	}
}

// TestToken: what is minted is good for the configuration that it was minted by.
func TestToken(t *testing.T) {
	path := weirtest.File(t, "weir.yaml", "auth:\n  keys: [{id: k, alg: HS256, secret: \"0123456789abcdef0123456789abcdef\"}]\n  issuer: me\n  audience: weir\n")
	got := weirtest.Run(t, "", "token", "-c", path, "--user", "ann", "--topic", "news:*", "--topic", "chat", "--pub", "chat", "--ttl", "10m")
	c, err := config.Load(config.Source{File: path})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	id, err := v.Verify(t.Context(), strings.TrimSpace(got.Stdout))
	if err != nil || id.User != "ann" || !id.MaySubscribe("news:de") || !id.MayPublish("chat") || id.MayPublish("news:de") {
		t.Errorf("got %+v, %v from %+v", id, err, got)
	}
	var answer map[string]string
	if err := json.Unmarshal([]byte(weirtest.Run(t, "", "token", "-c", path, "--user", "ann", "-o", "json").Stdout), &answer); err != nil || answer["token"] == "" || answer["expires"] == "" {
		t.Errorf("got %v, %v", answer, err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"token"}, "wants a key"},
		{[]string{"token", "-c", path, "--kid", "z"}, "--key private.pem"},
		{[]string{"token", "-c", path, "--ttl", "0s"}, "over before it begins"},
		{[]string{"token", "--key", path}, "not PEM"},
	} {
		if got := weirtest.Run(t, "", test.args...); got.Exit != 2 || !strings.Contains(got.Stderr, test.want) || got.Stdout != "" {
			t.Errorf("%v: got %+v", test.args, got)
		}
	}
}
