package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// guide is docs/gateway.md: what stands in its fences, by the language.
func guide(t *testing.T) (blocks [][2]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, [2]string{m[1], m[2]})
	}
	return blocks
}

// TestGuide runs every command of docs/gateway.md, in its order, with its files;
// only the ports are others.
func TestGuide(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the guide is for a shell")
	}
	for _, tool := range []string{"bash", "curl", "openssl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			weirtest.Require(t, "the guide uses "+tool+", which is not here")
		}
	}
	dir := t.TempDir()
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(docs, filepath.Join(dir, "docs")); err != nil { // some of it is for the source tree
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	ports := strings.NewReplacer("127.0.0.1:8080", weirtest.FreeAddr(t), "127.0.0.1:8081", weirtest.FreeAddr(t))
	script := "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n"
	for _, block := range guide(t) {
		switch block[0] {
		case "sh":
			script += unless(t, block[1], "systemctl", "promtool")
		case "yaml":
			if name, ok := strings.CutPrefix(strings.SplitN(block[1], "\n", 2)[0], "# "); ok && strings.HasSuffix(name, ".yaml") {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(ports.Replace(block[1])), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// What is written for a default address names another here.
	script = ports.Replace(script)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(weirtest.Binary())+":"+os.Getenv("PATH"), "WEIR_LISTEN_ADDR="+ports.Replace("127.0.0.1:8080"), "DESTDIR="+root)
	got := weirtest.RunCommand(t, cmd, "")
	if got.Exit != 0 {
		t.Fatalf("got %d:\n%s\n%s", got.Exit, got.Stdout, got.Stderr)
	}
	for _, want := range []string{"weir.yaml is right\n", "holds about ", "receivers_local\":1", "hello\n", "good morning\n", "\n2\n1\n5\n", "}\n401\n", "}\n413\n", "closed ", "weir_connections", "drained: ", "files.yaml is right\n", "acme.yaml is right\n"} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("there is no %q in\n%s", want, got.Stdout)
		}
	}
	if _, err := exec.LookPath("systemctl"); err != nil {
		return
	}
	secrets, err := os.Stat(filepath.Join(root, "etc/weir/secrets"))
	if err != nil || secrets.Mode().Perm() != 0o600 || secrets.Size() == 0 {
		t.Errorf("the secrets are installed as %v, %v", secrets, err)
	}
	if _, err := os.Lstat(filepath.Join(root, "etc/systemd/system/multi-user.target.wants/weir.service")); err != nil {
		t.Errorf("the unit is not enabled: %v", err)
	}
}

// unless is a block of the guide, and nothing where a program is not here that it
// needs and that not every system has.
func unless(t *testing.T, block string, programs ...string) string {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil && strings.Contains(block, program) {
			t.Logf("%s is not here, and what the guide does with it is left out", program)
			return ""
		}
	}
	return block
}

// TestGuideHasEveryKey: the guide's last block is what the program prints.
func TestGuideHasEveryKey(t *testing.T) {
	blocks := guide(t)
	if want := weirtest.Run(t, "", "config", "print", "--defaults").Stdout; blocks[len(blocks)-1][1] != want {
		t.Error("the keys of docs/gateway.md are not those of weir config print --defaults: copy them")
	}
}
