//go:build unix

package clienttest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// slowTotals is what the metrics say of slow clients, by policy.
func slowTotals(s *weirtest.Server) map[string]string {
	_, text := s.Operators("/metrics")
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^weir_slow_total\{policy="(\w+)"\} (\d+)$`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = m[2]
	}
	return found
}

// TestChromiumSlowClients: the dashboard shows what the policies did, class by
// class, as it was counted.
func TestChromiumSlowClients(t *testing.T) {
	b := newBrowser(t)
	config := weirtest.File(t, "weir.yaml", `listen: {addr: "127.0.0.1:0"}
admin: {addr: "127.0.0.1:0"}
auth:
  anonymous: {subscribe: ["*"]}
  publish_keys: [{name: test, secret: "`+publishKey+`", topics: ["*"]}]
topics:
  - {match: "old", on_slow: drop_old, max_pending_bytes: 64KiB}
  - {match: "new", on_slow: drop_new, max_pending_bytes: 64KiB}
  - {match: "newest", on_slow: conflate, max_pending_bytes: 64KiB}
  - {match: "gone", on_slow: disconnect, max_pending_bytes: 64KiB}
drain: {delay: 0s, duration: 0s}
`)
	s := weirtest.ServeFile(t, config)
	s.Key = publishKey
	p := b.open("http://"+s.Admin+"/dashboard", 1280, 1000, "light")
	p.wait(`document.getElementById('state').textContent === 'ready'`)
	policies := map[string]string{"old": "drop_old", "new": "drop_new", "newest": "conflate", "gone": "disconnect"}
	data := strings.Repeat("x", 60<<10)
	for topic, policy := range policies {
		weirtest.Stalled(t, s.Host, topic)
		for n := 0; slowTotals(s)[policy] == "0"; n++ {
			if n > 1000 {
				t.Fatalf("%s: nothing is counted", policy)
			}
			publish(t, s, topic, "text/plain", data)
		}
	}
	shown := func(policy, n string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('#slow tr')].some(r => r.cells[0].textContent === %q && r.cells[1].textContent === %q)`, policy, n)
	}
	totals := slowTotals(s)
	for _, policy := range policies {
		p.wait(shown(policy, totals[policy]))
	}
	p.wait(shown("sockets that take nothing now", "3"))
	p.screenshot("dashboard-slow")
	if complaints := b.complaints(); len(complaints) > 0 {
		t.Errorf("the page complained:\n%s", strings.Join(complaints, "\n"))
	}
}
