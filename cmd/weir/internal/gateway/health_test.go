package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/engine"
)

// stuckFor is what /livez says of a loop that has stood still for 5 s or more.
var stuckFor = regexp.MustCompile(`^{"behind_seconds":([5-9]|\d{2,})(\.\d+)?,"status":"stuck"}\n$`)

// TestLive: a callback that does not return makes its loop late, and weir not
// live, on both ports.
func TestLive(t *testing.T) {
	t.Parallel() // it waits for what is late
	g, host, at := startOperated(t, nil)
	live := func() (int, string) {
		answer, body := ask(t, http.MethodGet, "http://"+at+"/livez", "")
		return answer.StatusCode, body
	}
	if status, body := live(); status != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("got %d, %s", status, body)
	}
	stuck, free := make(chan struct{}), make(chan struct{})
	g.server.Handle("/stuck", engine.Handler{Message: func(*engine.Conn, engine.Message) {
		close(stuck)
		<-free
	}})
	s := dial(t, "ws://"+host+"/stuck")
	if err := s.conn.SendText("x"); err != nil {
		t.Fatal(err)
	}
	<-stuck
	await(t, "weir is not live", func() bool {
		status, body := live()
		return status == 503 && stuckFor.MatchString(body)
	})
	close(free)
	await(t, "weir lives again", func() bool { status, _ := live(); return status == 200 })
	if answer, body := ask(t, http.MethodGet, "http://"+host+healthPath, ""); answer.StatusCode != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("on the public port: got %s, %s", answer.Status, body)
	}
}

// TestReady: each reason not to be ready turns it, and says why.
func TestReady(t *testing.T) {
	g, err := New(Options{Config: with(func(c *config.Config) { c.Limits.MaxConnections = 1 }), Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() }) // it returns nil
	at := operate(t, g)
	// wants checks that all are ready but one, and what it says.
	wants := func(unready ...string) {
		t.Helper()
		answer, body := ask(t, http.MethodGet, "http://"+at+"/readyz", "")
		var checks []admin.Check
		if err := json.Unmarshal([]byte(body), &checks); err != nil {
			t.Fatal(err)
		}
		var names, not []string
		for _, c := range checks {
			names = append(names, c.Name)
			if !c.Ready {
				not = append(not, c.Name+": "+c.Why)
			} else if c.Why != "" {
				t.Errorf("%s is ready, and says %s", c.Name, c.Why)
			}
		}
		if !slices.Equal(names, []string{"listener", "broker", "memory", "drain"}) {
			t.Errorf("it looks at %q", names)
		}
		if want := map[bool]int{true: 200, false: 503}[unready == nil]; answer.StatusCode != want || !slices.Equal(not, unready) {
			t.Errorf("got %s, %q, want %d, %q", answer.Status, not, want, unready)
		}
	}
	wants("listener: the public port is not open")
	ln, err := g.Listen()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(ln) }() // ends with the drain
	wants()
	s := subscribe(t, ln.Addr().String(), "a")
	s.settle()
	wants("memory: there are 1 connections, which is limits.max_connections")
	s.conn.CloseNow()
	await(t, "it has gone", func() bool { return g.plain.Open() == 0 })
	wants()
	g.Drain(t.Context())
	wants("listener: the public port is not open", "drain: draining, 0 connections are left")
	<-served
}
