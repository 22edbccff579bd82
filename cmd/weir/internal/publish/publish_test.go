package publish

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/token"
)

const testKey = "a key of at least sixteen bytes"

// api is an API behind a real server, and how much its subscribers owe.
type api struct {
	*API
	hub  *hub.Hub
	url  string
	owed int64
}

func start(t *testing.T, change func(*config.Config)) *api {
	t.Helper()
	c := config.Default()
	c.Auth.PublishKeys = []config.PublishKey{
		{Name: "all", Secret: testKey, Topics: []string{"*"}},
		{Name: "news", Secret: testKey + " for news", Topics: []string{"news:*"}},
	}
	if change != nil {
		change(c)
	}
	a := new(api)
	a.hub = hub.New(c, func() int64 { return a.owed })
	a.API = New(a.hub, Settings{Config: c}, slog.New(slog.DiscardHandler))
	s := httptest.NewServer(a.API)
	t.Cleanup(s.Close)
	a.url = s.URL
	return a
}

// post publishes, and returns the answer and its body.
func (a *api) post(t *testing.T, path, key, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
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

func TestAnswers(t *testing.T) {
	a := start(t, func(c *config.Config) { c.Limits.MaxMessage = 100 })
	for _, test := range []struct {
		name, path, key, body string
		header                []string
		status                int
		want                  string
	}{
		{"published", "/publish/a", testKey, "x", nil, 200, `"receivers_local":0`},
		{"the largest", "/publish/a", testKey, strings.Repeat("x", 100), nil, 200, `"id":"e`},
		{"too large", "/publish/a", testKey, strings.Repeat("x", 101), nil, 413, "at most 100 bytes (limits.max_message)"},
		{"no key", "/publish/a", "", "x", nil, 401, "auth.publish_keys"},
		{"a wrong key", "/publish/a", testKey + "x", "x", nil, 401, "not one of auth.publish_keys"},
		{"the beginning of a key", "/publish/a", testKey[:10], "x", nil, 401, "not one of auth.publish_keys"},
		{"a batch without a key", "/publish", "", `{"topic":"a","data":"x"}`, nil, 401, "auth.publish_keys"},
		{"a key's topic", "/publish/news:de", testKey + " for news", "x", nil, 200, `"id":"e`},
		{"not a key's topic", "/publish/a", testKey + " for news", "x", nil, 403, `news may not publish to \"a\"`},
		{"an event with a control character", "/publish/a", testKey, "x", []string{"X-Event", "a\tb"}, 400, "event's name"},
		{"a long conflate key", "/publish/a", testKey, "x", []string{"X-Conflate-Key", strings.Repeat("k", hub.MaxKeyBytes+1)}, 400, "conflate key"},
		{"a long idempotency key", "/publish/a", testKey, "x", []string{"X-Idempotency-Key", strings.Repeat("k", maxIdempotencyBytes+1)}, 400, "idempotency key"},
		{"a socket that is no number", "/publish/a", testKey, "x", []string{"X-Exclude-Socket", "abc"}, 400, "X-Exclude-Socket"},
		{"an empty batch", "/publish", testKey, "\n\n", nil, 400, "a JSON object on each line"},
		{"a long batch", "/publish", testKey, strings.Repeat("{}\n", maxBatch+1), nil, 413, "at most 10 lines"},
		{"a long line", "/publish", testKey, strings.Repeat("x", 5000), nil, 413, "line 1 has more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := a.post(t, test.path, test.key, test.body, test.header...)
			if answer.StatusCode != test.status || !strings.Contains(body, test.want) {
				t.Errorf("got %d, %s, want %d and %s in it", answer.StatusCode, body, test.status, test.want)
			}
			if test.status == 401 && answer.Header.Get("WWW-Authenticate") == "" {
				t.Error("there is no WWW-Authenticate")
			}
		})
	}
}

// TestWhoPublishes: a key, a token, or anyone, each to its topics; a token that cannot be judged now is neither
// good nor bad.
func TestWhoPublishes(t *testing.T) {
	a := start(t, func(c *config.Config) { c.Auth.Anonymous.Publish = []string{"open:*"} })
	s := a.settings.Load().Settings
	s.Verify = func(_ context.Context, raw string) (*token.Identity, error) {
		switch raw {
		case "good.for.chat":
			return &token.Identity{User: "ann", Publish: []string{"chat:*"}}, nil
		case "not.judged.yet":
			return nil, token.ErrUnavailable
		}
		return nil, token.ErrExpired
	}
	a.Change(s)
	for _, test := range []struct {
		topic, credentials string
		status             int
	}{
		{"open:a", "", 200},
		{"chat:a", "", 403},
		{"chat:a", "good.for.chat", 200},
		{"open:a", "good.for.chat", 403},
		{"open:a", "old.old.old", 401},
		{"open:a", "no token", 401},
		{"chat:a", "not.judged.yet", 503},
	} {
		answer, body := a.post(t, "/publish/"+test.topic, test.credentials, "x")
		if answer.StatusCode != test.status || (answer.Header.Get("Retry-After") != "") != (test.status == 503) {
			t.Errorf("%s by %q: got %s, %s, want %d", test.topic, test.credentials, answer.Status, body, test.status)
		}
	}
}

// TestBatch: each line has its answer, whatever the others get.
func TestBatch(t *testing.T) {
	a := start(t, func(c *config.Config) { c.Limits.MaxMessage = 20 })
	answer, body := a.post(t, "/publish", testKey, strings.Join([]string{
		`{"topic":"a","data":"text"}`,
		`{"topic":"a","data":{"json":1},"event":"e"}`,
		`{"topic":"a","base64":"AP8="}`,
		`{"topic":"a"}`,
		`{"topic":"","data":1}`,
		`{"topic":"a","data":"` + strings.Repeat("x", 21) + `"}`,
		`{"topic":"a","data":"x","typo":1}`,
		`not JSON`,
		`{"topic":"a","base64":"?"}`,
	}, "\n"))
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("got %s, %s", answer.Status, body)
	}
	want := []int{200, 200, 200, 400, 400, 413, 400, 400, 400}
	lines := bufio.NewScanner(strings.NewReader(body))
	for i := 0; lines.Scan(); i++ {
		var line struct {
			ID, Error string
			Status    int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || line.Status != want[i] || (line.ID != "") != (line.Status == 200) || (line.Error != "") != (line.Status != 200) {
			t.Errorf("line %d: got %s", i+1, lines.Text())
		}
	}
	if n := a.hub.Counts().Published; n != 3 {
		t.Errorf("%d are published, want 3", n)
	}
}

// TestIdempotency: a publication that is sent again is not made again, also at
// the same time.
func TestIdempotency(t *testing.T) {
	a := start(t, nil)
	var wg sync.WaitGroup
	ids := make([]string, 20)
	for i := range ids {
		wg.Go(func() {
			_, ids[i] = a.post(t, "/publish/news:a", testKey, "x", "X-Idempotency-Key", "k")
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("got %s and %s", ids[0], id)
		}
	}
	if n := a.hub.Counts().Published; n != 1 {
		t.Errorf("%d are published, want 1", n)
	}
	for _, other := range [][3]string{{"/publish/news:b", testKey, "k"}, {"/publish/news:a", testKey, "l"}, {"/publish/news:a", testKey + " for news", "k"}} {
		if _, id := a.post(t, other[0], other[1], "x", "X-Idempotency-Key", other[2]); id == ids[0] {
			t.Errorf("%v has the same id", other)
		}
	}
}

// TestBusy: a publication that is refused leaves no trace, and may be made again
// with its idempotency key.
func TestBusy(t *testing.T) {
	a := start(t, nil)
	a.owed = 1 << 30
	answer, body := a.post(t, "/publish/a", testKey, "x", "X-Idempotency-Key", "k")
	if answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("got %s, %s", answer.Status, body)
	}
	a.owed = 0
	if answer, body = a.post(t, "/publish/a", testKey, "x", "X-Idempotency-Key", "k"); answer.StatusCode != 200 {
		t.Errorf("got %s, %s", answer.Status, body)
	}
	if n := a.hub.Counts(); n.Published != 1 || n.Busy != 1 {
		t.Errorf("got %+v", n)
	}
}

func TestRate(t *testing.T) {
	a := start(t, func(c *config.Config) { c.Limits.PublishRate = config.Rate(1.0 / 3600) })
	for i, want := range []int{200, 429, 429} {
		answer, body := a.post(t, "/publish/a", testKey, "x")
		if answer.StatusCode != want || (answer.Header.Get("Retry-After") == "1") != (want == 429) {
			t.Errorf("%d: got %s, %s, want %d", i, answer.Status, body, want)
		}
	}
}

// TestSlowBody: a publisher that does not go on is not waited for.
func TestSlowBody(t *testing.T) {
	a := start(t, nil)
	a.bodyTime = 20 * time.Millisecond
	in, out := io.Pipe()
	defer out.Close()
	r, err := http.NewRequest(http.MethodPost, a.url+"/publish/a", in)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	go func() { _, _ = io.WriteString(out, "hel") }() // ends when it is read, or the pipe is closed
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %s, want 408", answer.Status)
	}
}

// TestLedgerIsBounded: the oldest keys are forgotten.
func TestLedgerIsBounded(t *testing.T) {
	var l ledger
	made := 0
	make := func() (hub.Receipt, error) { made++; return hub.Receipt{}, nil }
	now := time.Now()
	for i := range maxRemembered + 10 {
		if _, err := l.once(digestOf(fmt.Sprint(i)), now, make); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.known) != maxRemembered || len(l.ring) != maxRemembered {
		t.Errorf("%d keys are known, %d in the ring", len(l.known), len(l.ring))
	}
	before := made
	l.once(digestOf(fmt.Sprint(maxRemembered+9)), now, make)
	l.once(digestOf("0"), now, make)
	l.once(digestOf(fmt.Sprint(maxRemembered+9)), now.Add(rememberTime+1), make)
	if made != before+2 {
		t.Errorf("%d are made, want 2: the forgotten and the old one", made-before)
	}
}
