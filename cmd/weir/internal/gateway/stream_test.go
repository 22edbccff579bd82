package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/admin"
)

// mostStreams is how many may watch at a time.
const mostStreams = 64

// watcher reads server-sent events.
type watcher struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Scanner
}

// watch begins to; the status is 200 or what is returned.
func watch(t *testing.T, at, query string) (*watcher, int) {
	t.Helper()
	answer, err := http.Get("http://" + at + "/api/admin/events?" + query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); answer.StatusCode == http.StatusOK && got != "text/event-stream" {
		t.Errorf("the type is %s", got)
	}
	w := &watcher{t, answer.Body, bufio.NewScanner(answer.Body)}
	w.in.Buffer(nil, 1<<20)
	return w, answer.StatusCode
}

// next is the next event of that name, "" when there are no more.
func (w *watcher) next(name string) string {
	for w.in.Scan() {
		if w.in.Text() != "event: "+name || !w.in.Scan() {
			continue
		}
		data, ok := strings.CutPrefix(w.in.Text(), "data: ")
		if !ok || !json.Valid([]byte(data)) {
			w.t.Errorf("%s comes with %s", name, data)
		}
		return data
	}
	return ""
}

// TestStreamEvents: who watches a topic sees what happens there, and what
// messages say only if that is asked for.
func TestStreamEvents(t *testing.T) {
	_, host, at := startOperated(t, nil)
	bare, _ := watch(t, at, "topic=a")
	full, _ := watch(t, at, "topic=a&payloads=1")
	for _, w := range []*watcher{bare, full} {
		w.next("stats") // it watches from here on
	}
	s := subscribe(t, host, "a")
	s.settle()
	post(t, host, "/publish/b", "", "elsewhere")
	post(t, host, "/publish/a", "", strings.Repeat("ä", 3000))
	post(t, host, "/publish/a", "application/octet-stream", "\x00\xff")
	type event struct {
		What, Topic, Data string
		Base64            []byte
		Bytes, Receivers  int
		Cut               bool
	}
	read := func(w *watcher) (e event) {
		t.Helper()
		for e.What != "publish" {
			e = event{}
			if err := json.Unmarshal([]byte(w.next("event")), &e); err != nil || e.Topic != "a" {
				t.Fatalf("got %+v, %v", e, err)
			}
		}
		return e
	}
	if e := read(bare); e.Data != "" || e.Bytes != 6000 || e.Receivers != 1 {
		t.Errorf("without payloads: got %+v", e)
	}
	if e := read(full); e.Data != strings.Repeat("ä", 2048) || !e.Cut || e.Bytes != 6000 {
		t.Errorf("a long one: got %d bytes: %.20s, %v", e.Bytes, e.Data, e.Cut)
	}
	if e := read(bare); e.Base64 != nil || e.Bytes != 2 {
		t.Errorf("without payloads: got %+v", e)
	}
	if e := read(full); string(e.Base64) != "\x00\xff" || e.Cut {
		t.Errorf("a binary one: got %+v", e)
	}
}

// TestStreamSkips: of what is too much, only the number is told.
func TestStreamSkips(t *testing.T) {
	g, _, at := startOperated(t, nil)
	w, _ := watch(t, at, "topic=a")
	w.next("stats")
	const published = 2000
	for range published {
		if _, err := g.hub.Publish(message("a", "x")); err != nil {
			t.Fatal(err)
		}
	}
	told, skipped := 0, 0
	for told+skipped < published {
		if !w.in.Scan() {
			t.Fatal("the stream ends")
		}
		switch w.in.Text() {
		case "event: event":
			told++
		case "event: skipped":
			var n struct{ Events int }
			w.in.Scan()
			if err := json.Unmarshal([]byte(strings.TrimPrefix(w.in.Text(), "data: ")), &n); err != nil {
				t.Fatal(err)
			}
			skipped += n.Events
		}
	}
	if told+skipped != published || told == 0 || skipped == 0 {
		t.Errorf("%d were told and %d skipped, of %d", told, skipped, published)
	}
}

// narrow is a listener whose connections hold little that is not read.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// TestStreamLimits: there are so many that may watch, and who does not read loses
// the place.
func TestStreamLimits(t *testing.T) {
	t.Parallel() // it waits for a deadline
	g, _ := startWith(t, Options{Config: testConfig()})
	ln, err := g.ListenAdmin()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.ServeAdmin(narrow{ln}) }() // ends on Close
	at := ln.Addr().String()
	slow, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(slow, "GET /api/admin/events?topic=a&payloads=1 HTTP/1.1\r\nHost: %s\r\n\r\n", at)
	if _, err := io.ReadFull(slow, make([]byte, 100)); err != nil { // and no more
		t.Fatal(err)
	}
	for i := range mostStreams - 1 {
		w, status := watch(t, at, "")
		if status != http.StatusOK {
			t.Fatalf("place %d: got %d", i, status)
		}
		go io.Copy(io.Discard, w.body) // ends with the server
	}
	answer, body := ask(t, http.MethodGet, "http://"+at+"/api/admin/events", "")
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "too many watch already") || answer.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: got %s, %s", answer.Status, body)
	}
	var after *watcher
	await(t, "the slow one is cut off, and another gets its place", func() bool {
		if _, err := g.hub.Publish(message("a", strings.Repeat("x", 4000))); err != nil {
			t.Fatal(err)
		}
		w, status := watch(t, at, "")
		after = w
		return status == http.StatusOK
	})
	if after.next("stats") == "" {
		t.Error("it gets nothing")
	}
	g.Close() // it returns nil
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

// TestStreamEnds: a stream ends with the server, and says last how that went.
func TestStreamEnds(t *testing.T) {
	g, host, at := startOperated(t, nil)
	one, two := subscribe(t, host, "a"), subscribe(t, host, "a")
	one.settle()
	two.settle()
	w, _ := watch(t, at, "")
	w.next("stats")
	if err := (*operated)(g).StartDrain(1000 * time.Hour); err != nil {
		t.Fatal(err)
	}
	await(t, "it drains", func() bool { return (*operated)(g).Draining().Total == 2 })
	g.Close() // it returns nil
	last := ""
	for s := w.next("stats"); s != ""; s = w.next("stats") {
		last = s
	}
	var told struct{ Drain admin.Drain }
	if err := json.Unmarshal([]byte(last), &told); err != nil || !told.Drain.Active || told.Drain.Left != 2 {
		t.Errorf("got %+v, %v from %s", told, err, last)
	}
	if err := w.in.Err(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}
