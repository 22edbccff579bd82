package clienttest

import (
	"encoding/json"
	"fmt"
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
	_, text := s.Operators("/metrics")
	if got := weirtest.RunCommand(t, exec.Command(path, "check", "metrics"), text); got.Exit != 0 || got.Stderr+got.Stdout != "" {
		t.Errorf("promtool check metrics: got %+v", got)
	}
	for _, want := range []string{`weir_connections{proto="plain"} 3`, `weir_connections_opened_total{proto="plain",result="ok"} 3`, "weir_channels 1", "weir_subscriptions 3", `weir_publish_seconds_count{stage="accept"} 1`} {
		if !strings.Contains(text, "\n"+want+"\n") {
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
	t.Run("operators find the names that they rely on", func(t *testing.T) {
		for _, name := range []string{
			"connections", "connections_opened_total", "connections_closed_total", "handshake_seconds", "subscriptions", "channels",
			"messages_in_total", "messages_out_total", "bytes_in_total", "bytes_out_total", "publish_seconds", "fanout_last_write_seconds",
			"pending_bytes", "slow_total", "broker_up", "reactor_loop_seconds", "worker_queue", "drain_remaining", "config_reload_success",
			"rss_bytes_per_connection",
		} {
			if !strings.Contains(string(text), "\n# TYPE weir_"+name+" ") {
				t.Errorf("there is no weir_%s", name)
			}
		}
		if !strings.Contains(string(text), "\ngo_goroutines ") || !strings.Contains(string(text), "\nprocess_open_fds ") {
			t.Error("Go's own collectors are not there")
		}
	})
	if len(ends) != 0 {
		t.Error("a client has ended")
	}
}

// TestAlerts: each alert fires when it should, and not before.
func TestAlerts(t *testing.T) {
	path := look(t, "promtool")
	rules, err := os.ReadFile(filepath.Join(monitoring, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("testdata/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(rules, -1) {
		if !strings.Contains(string(cases), "alertname: "+string(m[1])+", exp_alerts: [{") {
			t.Errorf("%s is not tried", m[1])
		}
	}
	name := weirtest.File(t, "alerts_test.yml", string(cases))
	if err := os.WriteFile(filepath.Join(filepath.Dir(name), "alerts.yml"), rules, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := weirtest.RunCommand(t, exec.Command(path, "test", "rules", name), ""); got.Exit != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestGrafanaQueries: what the dashboard asks Prometheus is PromQL.
func TestGrafanaQueries(t *testing.T) {
	path := look(t, "promtool")
	text, err := os.ReadFile(filepath.Join(monitoring, "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var shipped struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &shipped); err != nil {
		t.Fatal(err)
	}
	rules, n := "groups:\n- name: panels\n  rules:\n", 0
	for _, p := range shipped.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: %s has a variable that is not known", p.Title, target.Expr)
			}
			n++
			rules += fmt.Sprintf("  - {record: 'panel:%d', expr: '%s'}\n", n, strings.ReplaceAll(expr, "'", "''"))
		}
	}
	if n < 20 {
		t.Errorf("it asks for %d things", n)
	}
	if got := weirtest.RunCommand(t, exec.Command(path, "check", "rules", weirtest.File(t, "panels.yml", rules)), ""); got.Exit != 0 {
		t.Errorf("got %+v from\n%s", got, rules)
	}
}
