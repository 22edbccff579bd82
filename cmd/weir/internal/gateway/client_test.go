package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/token"
	"github.com/weirws/weir/engine"
)

const testSecret = "a secret of at least thirty-two bytes"

// guarded starts a gateway where nobody listens without a token.
func guarded(t *testing.T, change func(*config.Config)) (*Gateway, string) {
	t.Helper()
	c := testConfig()
	c.Auth.Anonymous = config.Grant{}
	c.Auth.Keys = []config.Key{{Alg: "HS256", Secret: testSecret}}
	c.Auth.Leeway = 0
	if change != nil {
		change(c)
	}
	return startWith(t, Options{Config: c})
}

// mint makes a token that ends in that time.
func mint(t *testing.T, id token.Identity, ttl time.Duration) string {
	t.Helper()
	s, err := token.SecretSigner("HS256", "", testSecret)
	if err != nil {
		t.Fatal(err)
	}
	id.Expires = time.Now().Add(ttl)
	raw, err := s.Sign(id, "", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// refused dials, and returns the refusal's status and text.
func refused(t *testing.T, rawURL string, o *engine.DialOptions) (int, string) {
	t.Helper()
	client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Dial(t.Context(), rawURL, o)
	var de *engine.DialError
	if err == nil {
		return 101, ""
	}
	if !errors.As(err, &de) {
		t.Fatalf("got %v, want a refusal", err)
	}
	var told struct{ Error string }
	if err := json.Unmarshal(de.Body, &told); err != nil {
		t.Errorf("the body is no JSON: %v: %q", err, de.Body)
	}
	return de.Status, told.Error
}

func TestTokens(t *testing.T) {
	g, host := guarded(t, nil)
	good := mint(t, token.Identity{User: "ada", Subscribe: []string{"news:*"}}, time.Hour)
	base := "ws://" + host + plain.Path + "?topic=news:de"
	for _, test := range []struct {
		name, url string
		options   *engine.DialOptions
		status    int
		want      string
	}{
		{"query", base + "&access_token=" + good, nil, 101, ""},
		{"header", base, &engine.DialOptions{Header: http.Header{"Authorization": {"Bearer " + good}}}, 101, ""},
		{"subprotocol", base, &engine.DialOptions{Subprotocols: []string{"bearer." + good}}, 101, ""},
		{"none", base, nil, 401, "a token is wanted"},
		{"two", base + "&access_token=" + good, &engine.DialOptions{Header: http.Header{"Authorization": {"Bearer " + good}}}, 400, "several tokens"},
		{"a bad one", base + "&access_token=" + good + "x", nil, 401, ""},
		{"an empty one", base + "&access_token=", nil, 401, "the token is empty"},
		{"without Bearer", base, &engine.DialOptions{Header: http.Header{"Authorization": {good}}}, 401, "begins with Bearer"},
		{"an old one", base + "&access_token=" + mint(t, token.Identity{Subscribe: []string{"*"}}, -time.Minute), nil, 401, "expired"},
		{"another topic", "ws://" + host + plain.Path + "?topic=news:de&topic=secret&access_token=" + good, nil, 403, `the user ada may not subscribe to "secret"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := g.plain.Counts().Opened["unauthorized"]
			status, text := refused(t, test.url, test.options)
			if status != test.status || !strings.Contains(text, test.want) {
				t.Errorf("got %d, %q, want %d and %q in it", status, text, test.status, test.want)
			}
			if strings.Contains(text, good) {
				t.Error("the token is told, and so logged")
			}
			if n := g.plain.Counts().Opened["unauthorized"] - before; (n == 1) != (status == 401) {
				t.Errorf("%d are counted as unauthorized", n)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	_, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous.Subscribe = []string{"*"}
		c.Auth.AllowedOrigins = []string{"https://app.example.com", "https://*.example.org"}
	})
	for origin, want := range map[string]int{
		"":                              101,
		"http://" + host:                101,
		"https://app.example.com":       101,
		"https://APP.example.com":       101,
		"https://a.b.example.org":       101,
		"https://example.org":           403,
		"http://app.example.com":        403,
		"https://app.example.com:8443":  403,
		"https://evil.com/.example.org": 403,
		"https://evilexample.org":       403,
		"null":                          403,
	} {
		if status, text := refused(t, "ws://"+host+plain.Path+"?topic=a", &engine.DialOptions{Origin: origin}); status != want {
			t.Errorf("%q: got %d, %q, want %d", origin, status, text, want)
		}
	}
}

// TestExpiry: a client whose token has ended is closed with 4009 after the
// grace; one that refreshes it stays.
func TestExpiry(t *testing.T) {
	_, host := guarded(t, func(c *config.Config) { c.Auth.Grace = time.Second })
	id := token.Identity{User: "ada", Subscribe: []string{"*"}}
	raw := func() string { return url.QueryEscape(mint(t, id, 2*time.Second)) }
	idle := dial(t, "ws://"+host+plain.Path+"?topic=a&access_token="+raw())
	told := dial(t, "ws://"+host+plain.Path+"?topic=a&envelope=json&access_token="+raw())
	stays := dial(t, "ws://"+host+plain.Path+"?topic=a&envelope=json&access_token="+raw())
	for _, s := range []*subscriber{told, stays} {
		if m := <-s.got; !strings.HasPrefix(m.String(), `{"type":"open","conn":`) {
			t.Errorf("got %s, want a welcome", m)
		}
	}
	if m := <-stays.got; !strings.HasPrefix(m.String(), `{"type":"expired","grace_ms":`) {
		t.Errorf("got %s, want that it has expired", m)
	}
	other := mint(t, token.Identity{User: "eve", Subscribe: []string{"*"}}, time.Hour)
	stays.conn.SendText(fmt.Sprintf(`{"type":"refresh","token":%q,"ref":1}`, other))
	stays.want(engine.Text, `{"type":"error","ref":1,"code":"unauthorized","error":"the token is of another user"}`)
	stays.conn.SendText(fmt.Sprintf(`{"type":"refresh","token":%q,"ref":2}`, mint(t, id, time.Hour)))
	stays.want(engine.Text, `{"type":"ack","ref":2}`)
	for _, s := range []*subscriber{idle, told} {
		if end := <-s.closed; end.Code != 4009 || !end.Peer {
			t.Errorf("got %v, want 4009", end)
		}
	}
	stays.settle()
}

// TestGraceRaised: a client without envelopes is closed after a grace that was
// raised while it was there, and gets nothing that was not published.
func TestGraceRaised(t *testing.T) {
	t.Parallel() // it waits
	g, host := guarded(t, func(c *config.Config) { c.Auth.Grace = 0 })
	s := dial(t, "ws://"+host+plain.Path+"?topic=a&access_token="+url.QueryEscape(mint(t, token.Identity{Subscribe: []string{"*"}}, 2*time.Second)))
	s.settle()
	next := *g.config.Load()
	next.Auth.Grace = 2 * time.Second
	g.plain.Change(plain.Settings{Config: &next, Verify: g.verifier.Verify})
	if end := <-s.closed; end.Code != 4009 {
		t.Errorf("got %v, want 4009", end)
	}
	if len(s.got) > 0 {
		t.Errorf("it got %s", <-s.got)
	}
}

// TestSocketPublish: what a client may publish arrives to the byte at all others.
func TestSocketPublish(t *testing.T) {
	_, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous = config.Grant{Subscribe: []string{"*"}, Publish: []string{"open*"}}
		c.Limits.ClientRate = 0
	})
	raw, other := subscribe(t, host, "open"), subscribe(t, host, "open")
	env := dial(t, "ws://"+host+plain.Path+"?topic=open&topic=shut&envelope=json")
	<-env.got
	raw.settle()
	other.settle()
	blob := make([]byte, 1000)
	rand.Read(blob)
	raw.conn.Send(engine.Binary, blob)
	if m := <-other.got; m.Kind != engine.Binary || !bytes.Equal(m.Data, blob) {
		t.Error("the bytes are not those that were sent")
	}
	var m struct {
		Type, Topic, ID, Event string
		Data                   any
		Base64                 []byte
	}
	if err := (<-env.got).JSON(&m); err != nil || m.Type != "message" || m.Topic != "open" || m.ID == "" || !bytes.Equal(m.Base64, blob) {
		t.Errorf("got %+v, %v", m, err)
	}
	env.conn.SendText(`{"type":"publish","topic":"open","event":"e","data":{"n":1},"ref":"r"}`)
	other.want(engine.Text, `{"n":1}`)
	raw.want(engine.Text, `{"n":1}`) // the first message did not come back to it
	if a := <-env.got; !strings.HasPrefix(a.String(), `{"type":"ack","ref":"r","id":"e`) || !strings.HasSuffix(a.String(), `"receivers_local":2}`) {
		t.Errorf("got %s, want an ack", a)
	}
	for _, test := range []struct{ send, code string }{
		{`{"type":"publish","topic":"shut","data":1}`, "forbidden"},
		{`{"type":"publish","topic":"open"}`, "bad_request"},
		{`{"type":"dance"}`, "unknown_type"},
	} {
		s := dial(t, "ws://"+host+plain.Path+"?envelope=json")
		<-s.got
		s.conn.SendText(test.send)
		if m := <-s.got; !strings.Contains(m.String(), `"code":"`+test.code+`"`) {
			t.Errorf("%s: got %s, want %s", test.send, m, test.code)
		}
	}
	for send, code := range map[string]engine.StatusCode{"no JSON": engine.StatusInvalidPayload, "": engine.StatusUnsupportedData} {
		s := dial(t, "ws://"+host+plain.Path+"?envelope=json")
		kind := engine.Text
		if send == "" {
			kind = engine.Binary
		}
		s.conn.Send(kind, []byte(send))
		if end := <-s.closed; end.Code != code {
			t.Errorf("%q: got %v, want %d", send, end, code)
		}
	}
}

// TestSocketSubscribe: topics come and go within what the client may have.
func TestSocketSubscribe(t *testing.T) {
	g, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous.Subscribe = []string{"a*"}
		c.Limits.MaxTopicsPerConn, c.Limits.ClientRate = 2, 0
	})
	s := dial(t, "ws://"+host+plain.Path+"?topic=a&envelope=json")
	<-s.got
	ask := func(kind, topic, want string) {
		t.Helper()
		s.conn.SendText(fmt.Sprintf(`{"type":%q,"topic":%q,"ref":1}`, kind, topic))
		if m := <-s.got; !strings.Contains(m.String(), want) {
			t.Errorf("%s %s: got %s, want %s", kind, topic, m, want)
		}
	}
	ask("subscribe", "b", `"code":"forbidden"`)
	ask("subscribe", "a2", `"type":"ack"`)
	post(t, host, "/publish/a2", "", "x")
	if m := <-s.got; !strings.Contains(m.String(), `"topic":"a2"`) {
		t.Errorf("got %s", m)
	}
	ask("unsubscribe", "a", `"type":"ack"`)
	if _, v := post(t, host, "/publish/a", "", "x"); v["receivers_local"] != 0.0 {
		t.Errorf("got %v, want no receivers", v)
	}
	ask("subscribe", "a3", `"type":"ack"`)
	ask("subscribe", "a4", `"code":"too_many_topics"`)
	if n := g.hub.Len(); n != 2 {
		t.Errorf("there are %d topics, want 2", n)
	}
}

// TestTooFast: a client that sends too fast is told, and then closed.
func TestTooFast(t *testing.T) {
	_, host := guarded(t, func(c *config.Config) {
		c.Auth.Anonymous = config.Grant{Subscribe: []string{"*"}, Publish: []string{"*"}}
		c.Limits.ClientRate = config.Rate(1.0 / 3600)
	})
	s := subscribe(t, host, "a")
	for range 4 {
		s.conn.SendText("x")
	}
	for range 2 {
		if m := <-s.got; !strings.Contains(m.String(), `"code":"too_fast"`) {
			t.Errorf("got %s", m)
		}
	}
	if end := <-s.closed; end.Code != engine.StatusPolicyViolation || !strings.Contains(end.Reason, "limits.client_rate") {
		t.Errorf("got %v, want 1008", end)
	}
}

// TestConnsAreFound: each connection is found by its ID as long as it is open.
func TestConnsAreFound(t *testing.T) {
	g, host := start(t)
	open := map[uint64]*subscriber{}
	for range 200 {
		s := dial(t, "ws://"+host+plain.Path+"?topic=a&envelope=json")
		var hello struct{ Conn uint64 }
		if err := (<-s.got).JSON(&hello); err != nil {
			t.Fatal(err)
		}
		open[hello.Conn] = s
	}
	for id := range open {
		if c := g.hub.Conn(id); c == nil || c.ID() != id {
			t.Errorf("%d is not found", id)
		}
	}
	for id, s := range open {
		s.conn.CloseNow()
		await(t, "it is forgotten", func() bool { return g.hub.Conn(id) == nil })
	}
}

// TestExclude: a publication leaves out the connection that it names.
func TestExclude(t *testing.T) {
	_, host := start(t)
	s, other := dial(t, "ws://"+host+plain.Path+"?topic=a&envelope=json"), subscribe(t, host, "a")
	var hello struct{ Conn uint64 }
	if err := (<-s.got).JSON(&hello); err != nil {
		t.Fatal(err)
	}
	other.settle()
	r, err := http.NewRequest(http.MethodPost, "http://"+host+"/publish/a", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("X-Exclude-Socket", fmt.Sprint(hello.Conn))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	other.want(engine.Text, "x")
	post(t, host, "/publish/a", "", "y")
	if m := <-s.got; !strings.Contains(m.String(), `"data":"y"`) {
		t.Errorf("got %s, want y and not x", m)
	}
}
