package clienttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestKubernetesManifest: every field of the manifest is one of Kubernetes' API,
// and of its type.
func TestKubernetesManifest(t *testing.T) {
	program := built(t, "kubernetes", ".")
	text, err := os.ReadFile("../../../../docs/deploy/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	judged := func(text string) weirtest.Result {
		return weirtest.RunCommand(t, exec.Command(program, weirtest.File(t, "kubernetes.yaml", text)), "")
	}
	if got := judged(string(text)); got.Exit != 0 || strings.Count(got.Stdout, " is right\n") != 3 {
		t.Errorf("got %+v, want three objects that are right", got)
	}
	misspelt := strings.Replace(string(text), "readinessProbe:", "readynessProbe:", 1)
	if got := judged(misspelt); got.Exit != 1 || !strings.Contains(got.Stderr, "readynessProbe") {
		t.Errorf("a field that there is not: got %+v", got)
	}
}
