package main_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// settings are keys of a configuration by their paths, with their values. JSON
// is YAML, too.
type settings map[string]any

func (s settings) with(more settings) settings {
	all := maps.Clone(s)
	maps.Copy(all, more)
	return all
}

// text is the configuration.
func (s settings) text(t *testing.T) []byte {
	t.Helper()
	root := map[string]any{}
	for path, v := range s {
		group, names := root, strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			if group[name] == nil {
				group[name] = map[string]any{}
			}
			group = group[name].(map[string]any)
		}
		group[names[len(names)-1]] = v
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// list is a list of groups with one group.
func list(keysAndValues ...any) []any {
	group := map[string]any{}
	for i := 0; i < len(keysAndValues); i += 2 {
		group[keysAndValues[i].(string)] = keysAndValues[i+1]
	}
	return []any{group}
}

const (
	reloadKey = "a publisher's secret"
	secret1   = "the first secret of at least sixty-four bytes, so that it does for HS512"
	secret2   = "another secret of at least sixty-four bytes, so that it does for HS512, too"
)

// plainly is what each configuration has besides the key that is looked at.
var plainly = settings{
	"listen.addr": "127.0.0.1:0", "admin.addr": "127.0.0.1:0",
	"auth.anonymous.subscribe": []string{"always", "a"},
	"auth.publish_keys":        list("name", "backend", "secret", reloadKey, "topics", []string{"*"}),
	"drain.delay":              "0", "drain.duration": "0", "limits.client_rate": "0",
}

// reloading is a weir serve whose configuration changes.
type reloading struct {
	*weirtest.Server
	t    *testing.T
	path string
}

func startReloading(t *testing.T, s settings) *reloading {
	t.Helper()
	r := &reloading{t: t, path: filepath.Join(t.TempDir(), "weir.yaml")}
	weirtest.Replace(r.t, r.path, s.text(t))
	r.Server = weirtest.ServeFile(t, r.path)
	r.Key = reloadKey
	return r
}

// reload has a configuration loaded by SIGHUP, and returns the keys that are
// told to be applied, and to need a restart.
func (r *reloading) reload(s settings) (applied, needsRestart []string) {
	r.t.Helper()
	weirtest.Replace(r.t, r.path, s.text(r.t))
	r.Signal(syscall.SIGHUP)
	var told struct {
		Applied      []string
		NeedsRestart []string `json:"needs_restart"`
	}
	line := r.Stderr(`(?m)^(\{.*"the configuration was (?:not )?reloaded.*\})$`)[1]
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	return told.Applied, told.NeedsRestart
}

// dials connects and returns the status of the answer.
func (r *reloading) dials(query string, o *engine.DialOptions) int {
	r.t.Helper()
	client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { client.Close() }) // the socket stays until then
	_, err = client.Dial(r.t.Context(), r.URL("ws", "/ws?"+query), o)
	var refusal *engine.DialError
	switch {
	case err == nil:
		return http.StatusSwitchingProtocols
	case !errors.As(err, &refusal):
		r.t.Fatal(err)
	}
	return refusal.Status
}

// accepts reports whether a token is good for a topic.
func (r *reloading) accepts(raw string) bool {
	r.t.Helper()
	return r.dials("topic=news&access_token="+url.QueryEscape(raw), nil) == http.StatusSwitchingProtocols
}

// publishes publishes with a key, and returns the status of the answer, and its
// text.
func (r *reloading) publishes(key string) (int, string) {
	r.t.Helper()
	s := *r.Server
	s.Key = key
	answer, text := s.Publish("a", "text/plain", "x")
	return answer.StatusCode, text
}

// operators is what the admin API says at a path.
func (r *reloading) operators(path string, v any) {
	r.t.Helper()
	_, text := r.Operators(path)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		r.t.Fatal(err)
	}
}

// policy is what is done of messages to slow subscribers of a topic.
func (r *reloading) policy(topic string) string {
	r.t.Helper()
	dial(r.t, r.URL("ws", "/ws?topic="+topic)).settle()
	var all struct {
		Topics []struct {
			Name   string `json:"name"`
			OnSlow string `json:"on_slow"`
		} `json:"topics"`
	}
	r.operators("/api/admin/topics", &all)
	for _, t := range all.Topics {
		if t.Name == topic {
			return t.OnSlow
		}
	}
	r.t.Fatalf("there is no topic %s in %+v", topic, all)
	return ""
}

// stuck is a subscriber that reads nothing, with more for it than the system's
// buffers hold: 15 MiB.
func (r *reloading) stuck(topic string) *peer {
	r.t.Helper()
	p := dial(r.t, r.URL("ws", "/ws?topic="+topic))
	p.settle()
	p.Pause()
	r.event(topic, "fill", strings.Repeat("x", 60<<10), 256)
	return p
}

// event publishes a message so many times.
func (r *reloading) event(topic, event, text string, times int) {
	r.t.Helper()
	for range times {
		q, err := http.NewRequest(http.MethodPost, r.URL("http", "/publish/"+topic), strings.NewReader(text))
		if err != nil {
			r.t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+reloadKey)
		q.Header.Set("X-Event", event)
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			r.t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			r.t.Fatalf("a publication is answered with %s", answer.Status)
		}
	}
}

// signed is a token for the topic news.
func signed(t *testing.T, s *token.Signer, err error, iss, aud string, ttl time.Duration) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Sign(token.Identity{User: "ann", Subscribe: []string{"news"}, Expires: time.Now().Add(ttl)}, iss, aud, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// byHMAC is a token with a shared secret.
func byHMAC(t *testing.T, alg, id, secret, iss, aud string, ttl time.Duration) string {
	t.Helper()
	s, err := token.SecretSigner(alg, id, secret)
	return signed(t, s, err, iss, aud, ttl)
}

// hmacKey is a key of the configuration with a shared secret.
func hmacKey(secret string) settings {
	return settings{"auth.keys": list("alg", "HS256", "secret", secret)}
}

// issuer has two key pairs, and a key set with each.
type issuer struct {
	*httptest.Server
	private [2][]byte // in PEM
	public  [2][]byte
	fetched [2]atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	is, mux := new(issuer), http.NewServeMux()
	for i := range 2 {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		public8, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		private8, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		is.public[i] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public8})
		is.private[i] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private8})
		set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, base64.RawURLEncoding.EncodeToString(public))
		mux.HandleFunc(fmt.Sprintf("/%d", i), func(w http.ResponseWriter, _ *http.Request) {
			is.fetched[i].Add(1)
			_, _ = io.WriteString(w, set) // an error is the client's
		})
	}
	is.Server = httptest.NewServer(mux)
	t.Cleanup(is.Close)
	return is
}

// token is one that is signed with a pair.
func (is *issuer) token(t *testing.T, i int) string {
	t.Helper()
	s, err := token.PrivateSigner("EdDSA", "", is.private[i])
	return signed(t, s, err, "", "", time.Hour)
}

// liveKey is a key that SIGHUP changes. What holds after it did not hold before.
type liveKey struct {
	before, after settings
	holds         func(r *reloading) bool
	onlyAfter     bool // what holds before would take too long to find out
}

// liveKeys are all of them.
func liveKeys(t *testing.T, is *issuer) map[string]liveKey {
	class := func(keysAndValues ...any) settings { return settings{"topics": list(keysAndValues...)} }
	key := func(keysAndValues ...any) settings { return settings{"auth.keys": list(keysAndValues...)} }
	publishKey := func(name, secret, topic string) settings {
		return settings{"auth.publish_keys": list("name", name, "secret", secret, "topics", []string{topic})}
	}
	jwks := func(set int, alg, refresh string) settings {
		return settings{"auth.jwks": map[string]any{"url": fmt.Sprintf("%s/%d", is.URL, set), "algs": []string{alg}, "refresh": refresh}}
	}
	accepts := func(raw string) func(*reloading) bool { return func(r *reloading) bool { return r.accepts(raw) } }
	statusOf := func(query string, o *engine.DialOptions) func(*reloading) bool {
		return func(r *reloading) bool { return r.dials(query, o) == http.StatusSwitchingProtocols }
	}
	published := func(key, want string) func(*reloading) bool {
		return func(r *reloading) bool { _, text := r.publishes(key); return strings.Contains(text, want) }
	}
	// Two more sockets are there, and it ends at once all the same.
	ends := func(r *reloading) bool {
		for range 2 {
			dial(r.t, r.URL("ws", "/ws?topic=a")).settle()
		}
		r.Signal(syscall.SIGTERM)
		return r.Wait() == 0
	}
	return map[string]liveKey{
		"auth.anonymous.subscribe":   {settings{}, settings{"auth.anonymous.subscribe": []string{"always", "a", "new"}}, statusOf("topic=new", nil), false},
		"auth.anonymous.publish":     {settings{}, settings{"auth.anonymous.publish": []string{"a"}}, func(r *reloading) bool { return sends(r, r.envelope()) }, false},
		"auth.keys[].id":             {key("alg", "HS256", "secret", secret1, "id", "one"), key("alg", "HS256", "secret", secret1, "id", "two"), accepts(byHMAC(t, "HS256", "two", secret1, "", "", time.Hour)), false},
		"auth.keys[].alg":            {key("alg", "HS256", "secret", secret1), key("alg", "HS512", "secret", secret1), accepts(byHMAC(t, "HS512", "", secret1, "", "", time.Hour)), false},
		"auth.keys[].secret":         {hmacKey(secret1), hmacKey(secret2), accepts(byHMAC(t, "HS256", "", secret2, "", "", time.Hour)), false},
		"auth.keys[].public_key":     {key("alg", "EdDSA", "public_key", string(is.public[0])), key("alg", "EdDSA", "public_key", string(is.public[1])), accepts(is.token(t, 1)), false},
		"auth.jwks.url":              {jwks(0, "EdDSA", "1h"), jwks(1, "EdDSA", "1h"), accepts(is.token(t, 1)), false},
		"auth.jwks.algs":             {jwks(0, "RS256", "1h"), jwks(0, "EdDSA", "1h"), accepts(is.token(t, 0)), false},
		"auth.jwks.refresh":          {jwks(0, "EdDSA", "1h"), jwks(0, "EdDSA", "10s"), func(*reloading) bool { return is.fetched[0].Load() >= 3 }, false}, // one at the start, one on reload
		"auth.issuer":                {hmacKey(secret1).with(settings{"auth.issuer": "me"}), hmacKey(secret1).with(settings{"auth.issuer": "you"}), accepts(byHMAC(t, "HS256", "", secret1, "you", "", time.Hour)), false},
		"auth.audience":              {hmacKey(secret1).with(settings{"auth.audience": "me"}), hmacKey(secret1).with(settings{"auth.audience": "you"}), accepts(byHMAC(t, "HS256", "", secret1, "", "you", time.Hour)), false},
		"auth.leeway":                {hmacKey(secret1).with(settings{"auth.leeway": "0"}), hmacKey(secret1).with(settings{"auth.leeway": "5m"}), accepts(byHMAC(t, "HS256", "", secret1, "", "", -time.Minute)), false},
		"auth.grace":                 {hmacKey(secret1).with(settings{"auth.leeway": "0", "auth.grace": "1h"}), hmacKey(secret1).with(settings{"auth.leeway": "0", "auth.grace": "0"}), expires, true},
		"auth.publish_keys[].name":   {publishKey("one", reloadKey, "none"), publishKey("two", reloadKey, "none"), published(reloadKey, "two may not publish"), false},
		"auth.publish_keys[].secret": {publishKey("one", secret1, "*"), publishKey("one", secret2, "*"), published(secret2, "receivers_local"), false},
		"auth.publish_keys[].topics": {publishKey("one", reloadKey, "b"), publishKey("one", reloadKey, "a"), published(reloadKey, "receivers_local"), false},
		"auth.allowed_origins":       {settings{}, settings{"auth.allowed_origins": []string{"https://*.example.com"}}, statusOf("topic=a", &engine.DialOptions{Origin: "https://a.example.com"}), false},
		"topics[].match":             {class("match", "b", "on_slow", "drop_new"), class("match", "a", "on_slow", "drop_new"), func(r *reloading) bool { return r.policy("a") == "drop_new" }, false},
		"topics[].on_slow":           {class("match", "*", "on_slow", "drop_new"), class("match", "*", "on_slow", "disconnect"), func(r *reloading) bool { return r.policy("a") == "disconnect" }, false},
		"topics[].conflate_key":      {class("match", "*", "on_slow", "conflate"), class("match", "*", "on_slow", "conflate", "conflate_key", "event"), bothEventsWait, false},
		"topics[].max_pending_bytes": {class("match", "*", "on_slow", "disconnect", "max_pending_bytes", "65535KiB"), class("match", "*", "on_slow", "disconnect", "max_pending_bytes", "1KiB"), tooSlow(), false},
		"limits.max_connections":     {settings{"limits.max_connections": 1}, settings{"limits.max_connections": 2}, statusOf("topic=a", nil), false},
		"limits.connect_rate":        {settings{"limits.connect_rate": "1/h"}, settings{"limits.connect_rate": "100/s"}, statusOf("topic=a", nil), false},
		"limits.max_topics_per_conn": {settings{"limits.max_topics_per_conn": 1}, settings{"limits.max_topics_per_conn": 2}, statusOf("topic=a&topic=always", nil), false},
		"limits.client_rate":         {settings{"limits.client_rate": "1/h", "auth.anonymous.publish": []string{"a"}}, settings{"limits.client_rate": "100/s", "auth.anonymous.publish": []string{"a"}}, sendsTwo(), false},
		"limits.publish_rate":        {settings{"limits.publish_rate": "1/h"}, settings{"limits.publish_rate": "100/s"}, func(r *reloading) bool { r.publishes(reloadKey); return published(reloadKey, "receivers_local")(r) }, false},
		"drain.delay":                {settings{"drain.delay": "1h"}, settings{"drain.delay": "0"}, ends, true},
		"drain.duration":             {settings{"drain.duration": "1h"}, settings{"drain.duration": "0"}, ends, true},
		"drain.max_rate":             {settings{"drain.max_rate": "1/h"}, settings{"drain.max_rate": "0"}, ends, true},
		"log.level":                  {settings{}, settings{"log.level": "debug"}, logsClients, false},
	}
}

// expires: a socket whose token ends is closed with 4009 without a grace.
func expires(r *reloading) bool {
	p := dial(r.t, r.URL("ws", "/ws?topic=news&access_token="+byHMAC(r.t, "HS256", "", secret1, "", "", time.Second)))
	return p.end().Code == 4009
}

// bothEventsWait: of two events both wait for a subscriber that reads nothing.
func bothEventsWait(r *reloading) bool {
	p := r.stuck("a")
	defer p.CloseNow()
	r.event("a", "one", "the first", 1)
	r.event("a", "two", "the second", 1)
	p.Resume()
	first := false
	for {
		switch p.message().String() {
		case "the first":
			first = true
		case "the second":
			return first
		}
	}
}

// tooSlow: what waits for a subscriber that reads nothing is too much.
func tooSlow() func(*reloading) bool {
	var p *peer
	return func(r *reloading) bool {
		if p == nil {
			p = r.stuck("a")
		}
		r.event("a", "", "one more", 1)
		var all struct{ Conns []struct{ ID uint64 } }
		r.operators("/api/admin/conns?topic=a", &all)
		return len(all.Conns) == 0
	}
}

// envelope is a new client of the topic a that hears what becomes of what it
// sends.
func (r *reloading) envelope() *peer {
	r.t.Helper()
	p := dial(r.t, r.URL("ws", "/ws?topic=a&envelope=json"))
	p.message() // the welcome
	return p
}

// sends: a client publishes a message over its socket.
func sends(r *reloading, p *peer) bool {
	r.t.Helper()
	if err := p.SendText(`{"type":"publish","topic":"a","data":1,"ref":1}`); err != nil {
		r.t.Fatal(err)
	}
	return strings.Contains(p.message().String(), `"type":"ack"`)
}

// sendsTwo: a client that was there before sends two messages at once.
func sendsTwo() func(*reloading) bool {
	var p *peer
	return func(r *reloading) bool {
		if p == nil {
			p = r.envelope()
		}
		first := sends(r, p)
		return sends(r, p) && first
	}
}

// logsClients: it is logged that a client came.
func logsClients(r *reloading) bool {
	p := dial(r.t, r.URL("ws", "/ws?topic=a"))
	p.settle()
	_, stderr := r.Text()
	return strings.Contains(stderr, "a client came")
}

// restartKeys are keys that a restart changes, each with another value, and what
// it takes besides.
func restartKeys(t *testing.T) map[string][2]settings {
	dir := t.TempDir()
	cert, key := weirtest.Certificate(t, dir, "localhost")
	other := weirtest.File(t, "other.pem", string(read(t, cert))+string(read(t, key))) // either, somewhere else
	encrypted := settings{"listen.tls.cert": cert, "listen.tls.key": key}
	acme := settings{"listen.tls.acme.domains": []string{"rt.example.com"}, "listen.tls.acme.dir": dir}
	one := func(path string, v any) [2]settings { return [2]settings{{}, {path: v}} }
	return map[string][2]settings{
		"listen.addr":                   one("listen.addr", "127.0.0.1:1"),
		"listen.tls.cert":               {encrypted, encrypted.with(settings{"listen.tls.cert": other})},
		"listen.tls.key":                {encrypted, encrypted.with(settings{"listen.tls.key": other})},
		"listen.tls.acme.domains":       {{}, acme},
		"listen.tls.acme.dir":           {{}, acme},
		"listen.tls.acme.email":         one("listen.tls.acme.email", "ops@example.com"),
		"listen.tls.acme.directory":     one("listen.tls.acme.directory", "https://ca.example.com/dir"),
		"listen.tls.acme.ca":            one("listen.tls.acme.ca", cert),
		"listen.proxy_protocol":         {{"listen.trusted_proxies": []string{"10.0.0.0/8"}}, {"listen.trusted_proxies": []string{"10.0.0.0/8"}, "listen.proxy_protocol": true}},
		"listen.trusted_proxies":        one("listen.trusted_proxies", []string{"10.0.0.0/8"}),
		"admin.addr":                    one("admin.addr", "127.0.0.1:1"),
		"admin.token":                   one("admin.token", secret1),
		"admin.pprof":                   one("admin.pprof", true),
		"limits.max_connections_per_ip": one("limits.max_connections_per_ip", 5),
		"limits.handshake_timeout":      one("limits.handshake_timeout", "1s"),
		"limits.keep_alive":             one("limits.keep_alive", "1m"),
		"limits.max_message":            one("limits.max_message", "1KiB"),
		"limits.pending_budget":         one("limits.pending_budget", "1GiB"),
		"log.format":                    one("log.format", "text"),
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// everyKey is every key of the configuration, of the schema that weir prints.
func everyKey(t *testing.T) (all []string) {
	t.Helper()
	type schema struct {
		Properties map[string]json.RawMessage
		Items      json.RawMessage
	}
	var walk func(path string, text []byte)
	walk = func(path string, text []byte) {
		var s schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if s.Items != nil {
			var items schema
			if err := json.Unmarshal(s.Items, &items); err != nil {
				t.Fatal(err)
			}
			if items.Properties != nil {
				path, s = path+"[]", items
			}
		}
		if s.Properties == nil {
			all = append(all, strings.TrimPrefix(path, "."))
		}
		for name, property := range s.Properties {
			walk(path+"."+name, property)
		}
	}
	walk("", []byte(weirtest.Run(t, "", "config", "print", "--schema").Stdout))
	slices.Sort(all)
	return all
}

// TestReload: on SIGHUP every key of the configuration either takes effect or is
// named as one that needs a restart, and a socket that is open stays open.
func TestReload(t *testing.T) {
	live, restart := liveKeys(t, newIssuer(t)), restartKeys(t)
	for _, path := range everyKey(t) {
		_, isLive := live[path]
		change, needsRestart := restart[path]
		if isLive == needsRestart {
			t.Errorf("%s is in one of the two tables: liveKeys or restartKeys", path)
			continue
		}
		top, _, _ := strings.Cut(path, "[") // a list is named as a whole
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if needsRestart {
				reloadRestart(t, top, change)
				return
			}
			reloadLive(t, top, path)
		})
	}
}

// reloadRestart changes a key that needs a restart.
func reloadRestart(t *testing.T, path string, change [2]settings) {
	r := startReloading(t, plainly.with(change[0]))
	stays := r.stays()
	applied, needsRestart := r.reload(plainly.with(change[1]))
	if len(applied) > 0 || !slices.Contains(needsRestart, path) {
		t.Errorf("got that %v are applied, and %v need a restart; want %s", applied, needsRestart, path)
	}
	stays.settle()
	// What was not applied is told again, until weir is started again.
	answer, err := http.Post("http://"+r.Admin+"/api/admin/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var again struct {
		NeedsRestart []string `json:"needs_restart"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&again); err != nil || !slices.Contains(again.NeedsRestart, path) {
		t.Errorf("again: got %v, %v, want %s", again, err, path)
	}
}

// stays is a socket that is open all the while.
func (r *reloading) stays() *peer {
	r.t.Helper()
	scheme := "ws"
	if stdout, _ := r.Text(); strings.Contains(stdout, "wss://") {
		scheme = "wss"
	}
	p := dialWith(r.t, r.URL(scheme, "/ws?topic=always"), &engine.DialOptions{TLS: &tls.Config{InsecureSkipVerify: true}})
	p.settle()
	return p
}

// reloadLive changes a key that takes effect.
func reloadLive(t *testing.T, path, pattern string) {
	key := liveKeys(t, newIssuer(t))[pattern]
	r := startReloading(t, plainly.with(key.before))
	stays := r.stays()
	if !key.onlyAfter && key.holds(r) {
		t.Error("it holds before")
	}
	drains := strings.HasPrefix(path, "drain.") // what holds then is that it has ended
	applied, needsRestart := r.reload(plainly.with(key.after))
	stays.settle()
	if !slices.Equal(applied, []string{path}) || len(needsRestart) > 0 {
		t.Errorf("got that %v are applied, and %v need a restart; want %s", applied, needsRestart, path)
	}
	for end := time.Now().Add(patience); !key.holds(r); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not take effect")
		}
	}
	if !drains {
		stays.settle()
	}
}

// TestReloadBroken: a file with a mistake changes nothing, and it is said where
// the mistake is, until the file is right again.
func TestReloadBroken(t *testing.T) {
	r := startReloading(t, plainly.with(settings{"limits.max_topics_per_conn": 1}))
	stays := r.stays()
	told := 0 // lines that say how a reload ended
	for _, test := range []struct{ name, text, want string }{
		{"a word", "limits: {max_topics_per_conn: 2}\ntopics:\n  - match: \"*\"\n    on_slow: conflat\n", `weir.yaml:4:5 topics[0].on_slow: \"conflat\" is not one of drop_old, drop_new, conflate, disconnect (did you mean \"conflate\"?)`},
		{"no YAML", "limits: {max_topics_per_conn: 2\n", "weir.yaml:1:"},
		{"a key that is not there", "limits: {max_topics_per_conn: 2}\nauth: {keys: [{alg: RS256, public_key: none.pem}]}\n", "weir.yaml:2:28 auth.keys[0].public_key: open none.pem"},
		{"a certificate that is not there", "limits: {max_topics_per_conn: 2}\nlisten: {tls: {cert: none.pem, key: none.key}}\n", "weir.yaml:2:16 listen.tls.cert: open none.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			weirtest.Replace(r.t, r.path, []byte(test.text))
			r.Signal(syscall.SIGHUP)
			told++
			r.Stderr(fmt.Sprintf(`(?s)(?:"the configuration was not reloaded.*){%d}`, told))
			if _, stderr := r.Text(); !strings.Contains(stderr, test.want) {
				t.Errorf("it does not say %s:\n%s", test.want, stderr)
			}
			if got := r.dials("topic=a&topic=always", nil); got != http.StatusBadRequest {
				t.Errorf("two topics: got %d, want that one is the most still", got)
			}
			if !strings.Contains(r.metrics(), "\nweir_config_reload_success 0\n") {
				t.Error("the metric does not say it")
			}
			stays.settle()
		})
	}
	weirtest.Replace(r.t, r.path, plainly.with(settings{"limits.max_topics_per_conn": 2}).text(t))
	r.Signal(syscall.SIGHUP)
	r.Stderr(`"the configuration was reloaded"`)
	if got := r.dials("topic=a&topic=always", nil); got != http.StatusSwitchingProtocols {
		t.Errorf("two topics: got %d", got)
	}
	if !strings.Contains(r.metrics(), "\nweir_config_reload_success 1\n") {
		t.Error("the metric does not say that it is right again")
	}
	stays.settle()
}

// metrics is what Prometheus gets.
func (r *reloading) metrics() string {
	r.t.Helper()
	_, text := r.Operators("/metrics")
	return text
}
