package clienttest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// monitoring is where what is shipped for Prometheus and Grafana lies.
const monitoring = "../../../../docs/monitoring"

// TestPromtool judges the metrics, and the alerts that are made of them.
func TestPromtool(t *testing.T) {
	path := look(t, "promtool")
	s := weirtest.Serve(t)
	ends := listeners(t, s, "a", 3)
	publish(t, s, "a", "text/plain", "hello")
	answer, err := http.Get("http://" + s.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := weirtest.RunCommand(t, exec.Command(path, "check", "metrics"), string(text)); got.Exit != 0 || got.Stderr+got.Stdout != "" {
		t.Errorf("promtool check metrics: got %+v", got)
	}
	for _, want := range []string{`weir_connections{proto="plain"} 3`, `weir_connections_opened_total{proto="plain",result="ok"} 3`, "weir_channels 1", "weir_subscriptions 3", `weir_publish_seconds_count{stage="accept"} 1`} {
		if !strings.Contains(string(text), "\n"+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	rules := filepath.Join(monitoring, "alerts.yml")
	if got := weirtest.RunCommand(t, exec.Command(path, "check", "rules", rules), ""); got.Exit != 0 {
		t.Errorf("promtool check rules: got %+v", got)
	}
	t.Run("what is shipped names metrics that there are", func(t *testing.T) {
		for _, name := range []string{rules, filepath.Join(monitoring, "grafana.json")} {
			shipped, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, ".json") && !json.Valid(shipped) {
				t.Errorf("%s is no JSON", name)
			}
			found := regexp.MustCompile(`\bweir_\w+`).FindAllString(string(shipped), -1)
			if len(found) == 0 {
				t.Errorf("%s names no metric", name)
			}
			for _, metric := range found {
				if !strings.Contains(string(text), "\n# TYPE "+strings.TrimSuffix(metric, "_bucket")+" ") {
					t.Errorf("%s names %s, which there is not", name, metric)
				}
			}
		}
	})
	if len(ends) != 0 {
		t.Error("a client has ended")
	}
}
