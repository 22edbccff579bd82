package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/hub"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/engine"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 30 * time.Second

// testKey publishes to everything.
const testKey = "a key of at least sixteen bytes"

// testConfig is one where all may listen, and testKey may publish.
func testConfig() *config.Config {
	c := config.Default()
	c.Listen.Addr, c.Admin.Addr = "127.0.0.1:0", "127.0.0.1:0"
	c.Auth.Anonymous.Subscribe = []string{"*"}
	c.Auth.PublishKeys = []config.PublishKey{{Name: "test", Secret: testKey, Topics: []string{"*"}}}
	c.Drain.Delay, c.Drain.Duration = 0, 0
	return c
}

// with is testConfig, changed; change may be nil.
func with(change func(*config.Config)) *config.Config {
	c := testConfig()
	if change != nil {
		change(c)
	}
	return c
}

// discard is where what is logged goes.
var discard = slog.New(slog.DiscardHandler)

// start starts a Gateway that ends with the test, and returns its host:port.
func start(t *testing.T) (*Gateway, string) {
	t.Helper()
	return startWith(t, Options{Config: testConfig(), DemoKey: testKey})
}

func startWith(t *testing.T, o Options) (*Gateway, string) {
	t.Helper()
	if o.Log == nil {
		o.Log = discard
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := g.Listen()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(ln) }() // ends on the Close below
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	return g, ln.Addr().String()
}

// subscriber is a client that keeps what it gets.
type subscriber struct {
	t      *testing.T
	conn   *engine.Conn
	got    chan engine.Message
	closed chan *engine.CloseError
}

func subscribe(t *testing.T, host string, topics ...string) *subscriber {
	t.Helper()
	return dial(t, "ws://"+host+plain.Path+"?"+url.Values{"topic": topics}.Encode())
}

func dial(t *testing.T, rawURL string) *subscriber {
	t.Helper()
	s := &subscriber{t: t, got: make(chan engine.Message, 1000), closed: make(chan *engine.CloseError, 1)}
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { s.got <- m.Clone() },
		Close:   func(_ *engine.Conn, err error) { s.closed <- err.(*engine.CloseError) },
	}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if s.conn, err = client.Dial(t.Context(), rawURL, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *subscriber) want(k engine.Kind, data string) {
	s.t.Helper()
	select {
	case m := <-s.got:
		if m.Kind != k || string(m.Data) != data {
			s.t.Errorf("got %v %q, want %v %q", m.Kind, m.Data, k, data)
		}
	case <-time.After(patience):
		s.t.Fatalf("nothing came, want %v %q", k, data)
	}
}

// settle waits until the server has opened s: its pong comes behind that.
func (s *subscriber) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if _, err := s.conn.RoundTrip(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// await polls until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never holds that %s", what)
		}
	}
}

// post publishes, and returns the answer's status and JSON.
func post(t *testing.T, host, path, contentType, body string) (int, map[string]any) {
	t.Helper()
	return request(t, http.MethodPost, "http://"+host+path, contentType, strings.NewReader(body))
}

func request(t *testing.T, method, rawURL, contentType string, body io.Reader) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, rawURL, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+testKey)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s %s: Content-Type is %q, want application/json", method, rawURL, got)
	}
	var v map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&v); err != nil {
		t.Errorf("%s %s: the body is no JSON: %v", method, rawURL, err)
	}
	return answer.StatusCode, v
}

func TestPublish(t *testing.T) {
	_, host := start(t)
	both, one := subscribe(t, host, "a", "b"), subscribe(t, host, "a")
	both.settle()
	one.settle()
	for _, test := range []struct {
		name, topic, contentType, body string
		want                           engine.Kind
		receivers                      float64
	}{
		{"text", "a", "text/plain", "hello", engine.Text, 2},
		{"curl's form", "a", "application/x-www-form-urlencoded", "hello", engine.Text, 2},
		{"no type", "a", "", "hello", engine.Text, 2},
		{"UTF-8", "a", "", "ä€😀", engine.Text, 2},
		{"empty", "a", "", "", engine.Text, 2},
		{"not UTF-8", "a", "text/plain", "\xff\xfe", engine.Binary, 2},
		{"octets", "a", "application/octet-stream", "hello", engine.Binary, 2},
		{"octets with a parameter", "a", "Application/Octet-Stream; x=y", "hello", engine.Binary, 2},
		{"the largest", "a", "", strings.Repeat("x", 64<<10), engine.Text, 2},
		{"another topic", "b", "", "hello b", engine.Text, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, v := post(t, host, "/publish/"+test.topic, test.contentType, test.body)
			if status != http.StatusOK || v["receivers_local"] != test.receivers {
				t.Errorf("got %d, %v, want 200 and %v receivers", status, v, test.receivers)
			}
			both.want(test.want, test.body)
			if test.receivers == 2 {
				one.want(test.want, test.body)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		if status, v := post(t, host, "/publish/nobody", "", "x"); status != http.StatusOK || v["receivers_local"] != 0.0 {
			t.Errorf("got %d, %v, want 200 and no receivers", status, v)
		}
	})
}

func TestTopicNames(t *testing.T) {
	_, host := start(t)
	for _, name := range []string{"news", "a/b", "with space", "ä€", "a?b#c&d=e", "...", strings.Repeat("x", hub.MaxNameBytes), "a+b", "100%"} {
		t.Run(name, func(t *testing.T) {
			s := subscribe(t, host, name)
			s.settle()
			status, v := post(t, host, "/publish/"+url.PathEscape(name), "", "hello")
			if status != http.StatusOK || v["receivers_local"] != 1.0 {
				t.Fatalf("got %d, %v, want 200 and 1 receiver", status, v)
			}
			s.want(engine.Text, "hello")
		})
	}
}

// TestRefusals: each answers with its status, and JSON that says why.
func TestRefusals(t *testing.T) {
	_, host := start(t)
	for _, test := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"GET publishes nothing", "GET", "/publish/a", "", 405, "takes POST, not GET"},
		{"PUT publishes nothing", "PUT", "/publish/a", "x", 405, "takes POST, not PUT"},
		{"the page is not for POST", "POST", "/", "x", 405, "takes GET, HEAD, not POST"},
		{"nor is the health", "DELETE", "/healthz", "", 405, "takes GET, HEAD, not DELETE"},
		{"an empty topic", "POST", "/publish/", "x", 404, "POST /publish/{topic}"},
		{"two segments", "POST", "/publish/a/b", "x", 404, "%2F"},
		{"a long topic", "POST", "/publish/" + strings.Repeat("x", hub.MaxNameBytes+1), "x", 400, "200 are the most"},
		{"a topic that is not UTF-8", "POST", "/publish/%ff", "x", 400, "not UTF-8"},
		{"a topic with a control character", "POST", "/publish/a%0ab", "x", 400, "control character"},
		{"too much", "POST", "/publish/a", strings.Repeat("x", 64<<10+1), 413, "at most 65536 bytes"},
		{"nothing there", "GET", "/nowhere", "", 404, "there is nothing at /nowhere"},
		{"no upgrade", "GET", "/ws?topic=a", "", 426, "is a WebSocket"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, v := request(t, test.method, "http://"+host+test.path, "", strings.NewReader(test.body))
			text, _ := v["error"].(string)
			if status != test.status || !strings.Contains(text, test.want) {
				t.Errorf("got %d, %q, want %d and %q in it", status, text, test.status, test.want)
			}
		})
	}
	t.Run("too much without a length", func(t *testing.T) {
		endless := io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10)), strings.NewReader("x"))
		if status, v := request(t, http.MethodPost, "http://"+host+"/publish/a", "", endless); status != 413 {
			t.Errorf("got %d, %v, want 413", status, v)
		}
	})
}

func TestSubscribeRefusals(t *testing.T) {
	_, host := start(t)
	many := url.Values{}
	for i := range 100 + 1 {
		many.Add("topic", fmt.Sprint(i))
	}
	for _, test := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"no topic", "/ws", 400, "name at least one topic"},
		{"misspelt", "/ws?topics=a", 400, `no parameter "topics"`},
		{"another envelope", "/ws?topic=a&envelope=xml", 400, "it can be json"},
		{"an empty one", "/ws?topic=", 400, "empty name"},
		{"a long one", "/ws?topic=" + strings.Repeat("x", hub.MaxNameBytes+1), 400, "200 are the most"},
		{"too many", "/ws?" + many.Encode(), 400, "100 are the most"},
		{"malformed", "/ws?topic=%zz", 400, "malformed"},
		{"not UTF-8", "/ws?topic=%ff", 400, "not UTF-8"},
		{"dots", "/ws?topic=..", 400, "no URL could name it"},
		{"another path", "/chat?topic=a", 404, "connect to /ws?topic=name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.Dial(t.Context(), "ws://"+host+test.path, nil)
			var de *engine.DialError
			if !errors.As(err, &de) {
				t.Fatalf("got %v, want a refusal", err)
			}
			var told struct{ Error string }
			if err := json.Unmarshal(de.Body, &told); err != nil {
				t.Errorf("the body is no JSON: %v: %q", err, de.Body)
			}
			if de.Status != test.status || !strings.Contains(told.Error, test.want) {
				t.Errorf("got %d, %q, want %d and %q in it", de.Status, told.Error, test.status, test.want)
			}
		})
	}
	t.Run("as many as may be, some twice", func(t *testing.T) {
		many.Del("topic")
		for i := range 100 {
			many.Add("topic", fmt.Sprint(i))
			many.Add("topic", fmt.Sprint(i))
		}
		dial(t, "ws://"+host+plain.Path+"?"+many.Encode()).settle()
	})
}

// TestTopicsAreForgotten: nothing of a topic stays when its last client goes,
// or when nobody ever listened.
func TestTopicsAreForgotten(t *testing.T) {
	g, host := start(t)
	for i := range 100 {
		post(t, host, fmt.Sprint("/publish/", i), "", "x")
	}
	if n := g.hub.Len(); n != 0 {
		t.Errorf("got %d topics that nobody listens to, want 0", n)
	}
	one, two := subscribe(t, host, "a", "b"), subscribe(t, host, "b", "c")
	one.settle()
	two.settle()
	if n := g.hub.Len(); n != 3 {
		t.Errorf("got %d topics, want 3", n)
	}
	one.conn.CloseNow()
	await(t, "only b and c are left", func() bool { return g.hub.Len() == 2 && g.plain.Open() == 1 })
	if status, v := post(t, host, "/publish/b", "", "still"); status != 200 || v["receivers_local"] != 1.0 {
		t.Errorf("got %d, %v, want 200 and 1 receiver", status, v)
	}
	two.want(engine.Text, "still")
	two.conn.Close(engine.StatusNormalClosure, "")
	await(t, "none is left", func() bool { return g.hub.Len() == 0 && g.plain.Open() == 0 })
}

// TestCounts: the demo page's feed tells the counts, at once and when they
// change.
func TestCounts(t *testing.T) {
	_, host := start(t)
	feed := dial(t, "ws://"+host+"/demo/counts")
	feed.want(engine.Text, `{"connections":0,"topics":0,"published":0,"delivered":0}`)
	s := subscribe(t, host, "a")
	s.settle()
	post(t, host, "/publish/a", "", "x")
	want := demoCounts{Connections: 1, Topics: 1, Published: 1, Delivered: 1}
	for got := (demoCounts{}); got != want; {
		select {
		case m := <-feed.got:
			if err := json.Unmarshal(m.Data, &got); err != nil {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

// TestDrain: every client is told to come back, and when.
func TestDrain(t *testing.T) {
	g, host := start(t)
	subscribers := []*subscriber{subscribe(t, host, "a"), subscribe(t, host, "b")}
	for _, s := range subscribers {
		s.settle()
	}
	if left := g.Drain(t.Context()); left != 0 {
		t.Errorf("%d are left", left)
	}
	for _, s := range subscribers {
		end := <-s.closed
		ms, err := strconv.Atoi(strings.TrimPrefix(end.Reason, "retry="))
		if end.Code != engine.StatusServiceRestart || !end.Peer || !end.Clean || err != nil || ms < 500 || ms > 10_500 {
			t.Errorf("got %v, want a clean 1012 with retry=", end)
		}
	}
	if n := g.plain.Open(); n != 0 {
		t.Errorf("got %d clients, want 0", n)
	}
}

// TestForeignOrigin: a page of another site neither publishes nor listens.
func TestForeignOrigin(t *testing.T) {
	g, host := start(t)
	s := subscribe(t, host, "a")
	s.settle()
	for _, test := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"another site's page", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"another site's page, of an old browser", http.Header{"Origin": {"http://evil.example"}}, 403},
		{"our own page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		{"our own page, of an old browser", http.Header{"Origin": {"http://" + host}}, 200},
		{"no page", http.Header{}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := g.hub.Counts().Published
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+host+"/publish/a", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = test.header
			r.Header.Set("Authorization", "Bearer "+testKey)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			published := g.hub.Counts().Published - before
			if answer.StatusCode != test.want || (published == 1) != (test.want == 200) {
				t.Errorf("got %d, and %d publications, want %d", answer.StatusCode, published, test.want)
			}
		})
	}
	client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Dial(t.Context(), "ws://"+host+"/ws?topic=a", &engine.DialOptions{Origin: "http://evil.example"})
	var de *engine.DialError
	if !errors.As(err, &de) || de.Status != http.StatusForbidden {
		t.Errorf("listening: got %v, want 403", err)
	}
}

// TestManySubscribers fans out to many, in the order of publication.
func TestManySubscribers(t *testing.T) {
	_, host := start(t)
	const clients, messages = 50, 20
	var all []*subscriber
	for range clients {
		s := subscribe(t, host, "crowd")
		s.settle()
		all = append(all, s)
	}
	for i := range messages {
		if _, v := post(t, host, "/publish/crowd", "", fmt.Sprint(i)); v["receivers_local"] != float64(clients) {
			t.Errorf("got %v, want %d receivers", v, clients)
		}
	}
	for s := range slices.Values(all) {
		for i := range messages {
			s.want(engine.Text, fmt.Sprint(i))
		}
	}
}

// message is a text to publish.
func message(topic, text string) *hub.Message {
	return &hub.Message{Topic: topic, Kind: engine.Text, Data: []byte(text)}
}
