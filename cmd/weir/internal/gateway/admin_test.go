package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/engine"
)

const adminToken = "what operators know"

// operate serves the operators of a gateway, and returns the host:port.
func operate(t *testing.T, g *Gateway) string {
	t.Helper()
	ln, err := g.ListenAdmin()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.ServeAdmin(ln) }() // ends on Close
	t.Cleanup(func() {
		g.Close() // it returns nil
		if err := <-served; err != http.ErrServerClosed {
			t.Errorf("the admin port ended with %v", err)
		}
	})
	return ln.Addr().String()
}

// startOperated starts a gateway with operators.
func startOperated(t *testing.T, change func(*config.Config)) (g *Gateway, host, operators string) {
	t.Helper()
	g, host = startWith(t, Options{Config: with(change)})
	return g, host, operate(t, g)
}

// ask makes a request with those headers, of name and value by turns.
func ask(t *testing.T, method, rawURL, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, rawURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// TestAdminAddress: operators connect on this machine, unless it is said
// otherwise and there is a token.
func TestAdminAddress(t *testing.T) {
	if got := config.Default().Admin.Addr; got != "127.0.0.1:8081" {
		t.Errorf("the default is %s", got)
	}
	g, _ := start(t)
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.ServeAdmin(ln); err == nil || !strings.Contains(err.Error(), admin.ErrOpen.Error()) {
		t.Errorf("without a token it serves all: %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it listens all the same")
	}
}

func TestAdminUnixSocket(t *testing.T) {
	path := t.TempDir() + "/admin.sock"
	_, _, at := startOperated(t, func(c *config.Config) { c.Admin.Addr = "unix:" + path })
	if at != path {
		t.Errorf("it is at %s", at)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET /livez HTTP/1.0\r\n\r\n")
	if answer, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK\r\n") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// TestAdminToken: with a token, all but the probes want it.
func TestAdminToken(t *testing.T) {
	_, _, at := startOperated(t, func(c *config.Config) { c.Admin.Token = adminToken })
	for _, test := range []struct {
		name, path string
		headers    []string
		want       int
	}{
		{"none", "/api/admin/stats", nil, 401},
		{"none, for metrics", "/metrics", nil, 401},
		{"none, for the dashboard", "/dashboard", nil, 401},
		{"none, for what there is not", "/nowhere", nil, 401},
		{"bearer", "/api/admin/stats", []string{"Authorization", "Bearer " + adminToken}, 200},
		{"in other letters", "/api/admin/stats", []string{"Authorization", "bearer " + adminToken}, 200},
		{"password", "/dashboard", []string{"Authorization", "Basic YW55Ym9keTp3aGF0IG9wZXJhdG9ycyBrbm93"}, 200},
		{"a part", "/api/admin/stats", []string{"Authorization", "Bearer " + adminToken[:5]}, 401},
		{"more", "/api/admin/stats", []string{"Authorization", "Bearer " + adminToken + "s"}, 401},
		{"empty", "/api/admin/stats", []string{"Authorization", "Bearer "}, 401},
		{"another scheme", "/api/admin/stats", []string{"Authorization", "Token " + adminToken}, 401},
		{"in the query", "/api/admin/stats?token=" + adminToken, nil, 401},
		{"live", "/livez", nil, 200},
		{"ready", "/readyz", nil, 200},
		{"another Host", "/api/admin/stats", []string{"Authorization", "Bearer " + adminToken, "Host", "weir.example.com"}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := ask(t, http.MethodGet, "http://"+at+strings.ReplaceAll(test.path, " ", "%20"), "", test.headers...)
			if answer.StatusCode != test.want {
				t.Errorf("got %s, %s, want %d", answer.Status, body, test.want)
			}
			if test.want != http.StatusUnauthorized {
				return
			}
			// Without Basic no browser asks for it, and nobody sees the dashboard.
			if got := answer.Header.Values("WWW-Authenticate"); !slices.Equal(got, []string{`Basic realm="weir", charset="UTF-8"`, `Bearer realm="weir"`}) {
				t.Errorf("it asks for %q", got)
			}
			if !strings.Contains(body, "admin.token") || strings.Contains(body, adminToken) {
				t.Errorf("it says %s", body)
			}
		})
	}
}

// TestAdminGuard: without a token the port is for programs and pages of this
// machine, and for no page of another site in its visitor's name.
func TestAdminGuard(t *testing.T) {
	g, host, at := startOperated(t, nil)
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	s := subscribe(t, host, "a")
	s.settle()
	const get, post = http.MethodGet, http.MethodPost
	for _, test := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"by its address", get, "/api/admin/stats", nil, 200},
		{"by its name", get, "/api/admin/stats", []string{"Host", "localhost:" + port}, 200},
		{"by IPv6", get, "/api/admin/stats", []string{"Host", "[::1]:" + port}, 200},
		{"a rebound name", get, "/api/admin/stats", []string{"Host", "evil.example:" + port}, 403},
		{"a rebound name, for metrics", get, "/metrics", []string{"Host", "evil.example"}, 403},
		{"a rebound name that begins well", get, "/dashboard", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"a rebound name that publishes to itself", post, "/api/admin/publish", []string{"Host", "evil.example", "Origin", "http://evil.example"}, 403},
		{"another address", get, "/api/admin/stats", []string{"Host", "192.0.2.1"}, 403},
		{"another site's page, publishing", post, "/api/admin/publish", []string{"Origin", "http://evil.example"}, 403},
		{"another site's page, publishing, as browsers say it", post, "/api/admin/publish", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port's page, publishing", post, "/api/admin/publish", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"a sandboxed page, publishing", post, "/api/admin/publish", []string{"Origin", "null"}, 403},
		{"another site's page, kicking", http.MethodDelete, "/api/admin/conns/1", []string{"Origin", "http://evil.example"}, 403},
		{"another site's page, draining", post, "/api/admin/drain", []string{"Origin", "http://evil.example"}, 403},
		{"another site's page, reloading", post, "/api/admin/reload", []string{"Origin", "http://evil.example"}, 403},
		{"another site's page, watching", get, "/api/admin/events", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
		{"another port's page, watching", get, "/api/admin/events", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
		{"a frame in another site's page, watching", get, "/api/admin/events", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a link from another site", get, "/dashboard", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"its own page", post, "/api/admin/publish", []string{"Origin", "http://" + at}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := g.hub.Counts().Published
			answer, body := ask(t, test.method, "http://"+at+test.path, `{"topic":"a","data":"x"}`, test.headers...)
			if answer.StatusCode != test.want {
				t.Errorf("got %s, %s, want %d", answer.Status, body, test.want)
			}
			if published := g.hub.Counts().Published > before; published != (test.want == 200 && test.method == post) {
				t.Errorf("published: %v", published)
			}
		})
	}
	if g.Left() != 1 || g.drain.begun.Load() || g.lastReload.Load() != nil {
		t.Error("a page of another site has closed, drained or reloaded")
	}
}

func TestPprof(t *testing.T) {
	for _, on := range []bool{false, true} {
		_, _, at := startOperated(t, func(c *config.Config) { c.Admin.Pprof = on })
		want := map[bool]int{false: 404, true: 200}[on]
		for _, path := range []string{"", "goroutine?debug=1", "heap", "cmdline", "symbol", "profile?seconds=1", "trace?seconds=0.1"} {
			if answer, _ := ask(t, http.MethodGet, "http://"+at+"/debug/pprof/"+path, ""); answer.StatusCode != want {
				t.Errorf("pprof %v: /debug/pprof/%s: got %s, want %d", on, path, answer.Status, want)
			}
		}
	}
}

// TestAdminAPI: every endpoint answers, and refuses nonsense in JSON.
func TestAdminAPI(t *testing.T) {
	_, host, at := startOperated(t, nil)
	one, two := subscribe(t, host, "a", "b"), subscribe(t, host, "b")
	one.settle()
	two.settle()
	var found struct {
		Conns []admin.Conn
		Total int
	}
	list := func(query string) {
		t.Helper()
		found.Conns = nil
		_, body := ask(t, http.MethodGet, "http://"+at+"/api/admin/conns?"+query, "")
		if err := json.Unmarshal([]byte(body), &found); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int{"": 2, "topic=a": 1, "topic=b": 2, "topic=c": 0, "ip=127.0.0.1": 2, "ip=192.0.2.1": 0, "user=eve": 0, "limit=1": 1} {
		if list(query); len(found.Conns) != want || found.Total != 2 {
			t.Errorf("%s: got %+v, want %d of 2", query, found, want)
		}
	}
	await(t, "the counters, which are taken once a second, have both", func() bool {
		_, body := ask(t, http.MethodGet, "http://"+at+"/api/admin/stats", "")
		return strings.Contains(body, `"connections":2,"subscriptions":3,"topics":2,`)
	})
	list("topic=a")
	id := fmt.Sprint(found.Conns[0].ID)
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"the page", get, "/", "", 303, ""},
		{"nothing", get, "/stats", "", 404, "there is nothing for GET at /stats"},
		{"a connection", get, "/api/admin/conns/" + id, "", 200, `"topics":["a","b"]`},
		{"no connection", get, "/api/admin/conns/999", "", 404, `{"code":"no_connection","error":"there is no connection 999`},
		{"no number", get, "/api/admin/conns/ann", "", 400, "is a number"},
		{"too many", get, "/api/admin/conns?limit=1001", "", 400, "from 1 to 1000"},
		{"topics", get, "/api/admin/topics", "", 200, `{"topics":[{"name":"b","subscribers":2,"published":0,"dropped":0,"on_slow":"drop_old"},{"name":"a"`},
		{"publish", post, "/api/admin/publish", `{"topic":"a","event":"e","data":"from an operator"}`, 200, `"receivers_local":1`},
		{"publish to nowhere", post, "/api/admin/publish", `{"data":"x"}`, 400, "topic"},
		{"publish what is unknown", post, "/api/admin/publish", `{"topics":"a"}`, 400, "unknown field"},
		{"publish no JSON", post, "/api/admin/publish", `topic=a`, 400, "not what is wanted"},
		{"publish too much", post, "/api/admin/publish", `{"topic":"a","data":"` + strings.Repeat("x", 5000) + `"}`, 400, "too large"},
		{"events of no number", get, "/api/admin/events?conn=ann", "", 400, "is a number"},
		{"events of no connection", get, "/api/admin/events?conn=999", "", 404, `{"code":"no_connection","error":"there is no connection 999`},
		{"reload without a file", post, "/api/admin/reload", "", 422, "without a configuration file"},
		{"drain in no time", post, "/api/admin/drain", `{"duration":"5"}`, 400, "has a unit"},
		{"drain backwards", post, "/api/admin/drain", `{"duration":"-5s"}`, 400, "has a unit"},
		{"kick with GET", get, "/api/admin/kick/" + id, "", 404, "there is nothing"},
		{"kick no connection", del, "/api/admin/conns/999", "", 404, `{"code":"no_connection","error":"there is no connection 999`},
		{"kick", del, "/api/admin/conns/" + id, "", 200, `{"kicked":` + id + `}`},
		{"metrics", get, "/metrics", "", 200, "\nweir_subscriptions "},
		{"the dashboard", get, "/dashboard", "", 200, "<title>Weir dashboard</title>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := ask(t, test.method, "http://"+at+test.path, test.body)
			if answer.StatusCode != test.status || !strings.Contains(body, test.want) {
				t.Errorf("got %s, %s, want %d and %q in it", answer.Status, body, test.status, test.want)
			}
			if test.name == "publish" { // and only then kick: a close is not behind it otherwise
				one.want(engine.Text, "from an operator")
			}
			if test.status >= 400 && !json.Valid([]byte(body)) {
				t.Errorf("that is no JSON: %s", body)
			}
		})
	}
	if end := <-one.closed; end.Code != engine.StatusPolicyViolation || end.Reason != "closed by an operator" {
		t.Errorf("got %v", end)
	}
	two.settle()
}

// TestAdminDrain: POST /api/admin/drain drains over the time that it is told, once.
func TestAdminDrain(t *testing.T) {
	left := make(chan int64, 1)
	c := testConfig()
	c.Drain.Delay, c.Drain.Duration = 0, time.Hour
	g, host := startWith(t, Options{Config: c, Drained: func(n int64) { left <- n }})
	at := operate(t, g)
	s := subscribe(t, host, "a")
	s.settle()
	drain := func(status int, want string) {
		t.Helper()
		if answer, body := ask(t, http.MethodPost, "http://"+at+"/api/admin/drain", `{"duration":"10ms"}`); answer.StatusCode != status || !strings.Contains(body, want) {
			t.Errorf("got %s, %s, want %d and %s", answer.Status, body, status, want)
		}
	}
	drain(http.StatusAccepted, `{"active":true,"total":1,`)
	drain(http.StatusConflict, "under way already")
	if end := <-s.closed; end.Code != engine.StatusServiceRestart || !strings.HasPrefix(end.Reason, "retry=") {
		t.Errorf("got %v", end)
	}
	if n := <-left; n != 0 {
		t.Errorf("%d are left", n)
	}
	var d admin.Drain
	_, body := ask(t, http.MethodGet, "http://"+at+"/api/admin/stats", "")
	if err := json.Unmarshal([]byte(body), &struct{ Drain *admin.Drain }{&d}); err != nil || d != (admin.Drain{Active: true, Total: 1, Seconds: 0.01}) {
		t.Errorf("got %+v, %v", d, err)
	}
}

// TestSlowBody: who does not send the body that was announced holds nothing for
// long, with a token or without, on either port.
func TestSlowBody(t *testing.T) {
	t.Parallel() // it waits
	_, host, at := startOperated(t, func(c *config.Config) { c.Admin.Token = adminToken })
	for _, test := range []struct{ name, at, path, header, want string }{
		{"without a token", at, "/api/admin/publish", "", "401 Unauthorized"},
		{"with one", at, "/api/admin/publish", "Authorization: Bearer " + adminToken + "\r\n", "400 Bad Request"},
		{"a publisher without a key", host, "/publish/a", "", "401 Unauthorized"},
		{"a batch without a key", host, "/publish", "", "401 Unauthorized"},
		{"where there is nothing", host, "/nowhere", "", "404 Not Found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			nc, err := net.Dial("tcp", test.at)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: 100\r\n\r\n{", test.path, test.at, test.header)
			if answer, err := io.ReadAll(nc); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+test.want) {
				t.Errorf("got %q, %v, want %s and the end", answer, err, test.want)
			}
		})
	}
}

// TestFirst: what is kept of many is what sorting them all would begin with.
func TestFirst(t *testing.T) {
	for n := range 50 {
		all := rand.Perm(n)
		for most := 1; most < 12; most++ {
			got := first(slices.Values(all), most, cmp.Compare)
			want := slices.Sorted(slices.Values(all))
			if want = want[:min(n, most)]; !slices.Equal(got, want) {
				t.Errorf("%d of %v: got %v, want %v", most, all, got, want)
			}
		}
	}
}
