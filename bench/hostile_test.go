package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// besiege runs the lines against the tests' own server, which is simple and careless.
func besiege(t *testing.T, s *testServer, o HostileOptions) *HostileResult {
	t.Helper()
	s.start(t)
	orDefault(&o.Patience, 10*time.Second)
	o.URL, o.Witnesses, o.MaxFragments, o.Flood = s.url(), 5, 100, 50
	if s.tls != nil {
		o.URL = "wss" + strings.TrimPrefix(o.URL, "ws")
		o.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	r, err := Hostile(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failed are the lines that failed.
func failed(r *HostileResult) (all []int) {
	for _, l := range r.Lines {
		if l.Wrong > 0 {
			all = append(all, l.Line)
		}
	}
	return all
}

// A careless server is found out, and what it does right is seen as right.
func TestHostile(t *testing.T) {
	bad, good := []int{1, 3, 4, 6, 9, 14, 21, 24, 25, 32, 43}, []int{15, 16, 27, 60}
	r := besiege(t, new(testServer), HostileOptions{Lines: good})
	if wrong := failed(r); wrong != nil || len(r.Lines) != len(good) {
		t.Errorf("%v are wrong: %+v", wrong, r.Lines)
	}
	r = besiege(t, new(testServer), HostileOptions{Lines: bad, Patience: time.Second}) // it leaves much open
	wrong := failed(r)
	for _, n := range bad {
		if !slices.Contains(wrong, n) {
			t.Errorf("line %d: nothing is found: %+v", n, r.Lines[slices.IndexFunc(r.Lines, func(l HostileLine) bool { return l.Line == n })])
		}
	}
	if r.Failed != len(wrong) || r.Echoes == 0 || r.Slowest == 0 {
		t.Errorf("got %d failed, %d echoes, the slowest after %v", r.Failed, r.Echoes, r.Slowest)
	}
	if !slices.IsSortedFunc(r.Lines, func(a, b HostileLine) int { return a.Line - b.Line }) {
		t.Error("the lines are in no order")
	}
}

func TestHostileTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	server := func() *testServer {
		return &testServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}}
	}
	r := besiege(t, server(), HostileOptions{Lines: []int{15, 16, 27, 82}})
	if wrong := failed(r); wrong != nil || len(r.Lines) != 4 || r.LeftOut != 1 {
		t.Errorf("%v are wrong: %+v", wrong, r.Lines)
	}
	r = besiege(t, server(), HostileOptions{Lines: []int{19}, Patience: time.Second})
	if l := r.Lines[0]; l.Wrong != 1 || !strings.Contains(l.Seen, "an alert") || !strings.Contains(l.Seen, "NOT half a hello: left open") {
		t.Errorf("line 19 of a server that waits for ever: %s", l.Seen)
	}
}

// A line that kills a witness fails, whatever its own answer is.
func TestHostileWitness(t *testing.T) {
	s := &testServer{reply: func(n int64, op byte, p []byte) []byte {
		if n == 200 {
			p = []byte("another's")
		}
		return append(appendHeader(nil, op, len(p), nil), p...)
	}}
	r := besiege(t, s, HostileOptions{Lines: []int{26}})
	if r.Failed != 1 || !strings.Contains(r.Lines[0].Seen, "NOT") {
		t.Errorf("got %+v", r.Lines)
	}
}

// A line is judged by what it did itself: who was lost in one is replaced before the next.
func TestHostileWitnessReplaced(t *testing.T) {
	var once atomic.Bool
	s := &testServer{reply: func(_ int64, op byte, p []byte) []byte {
		if string(p) == "witness 0, message 3" && !once.Swap(true) {
			p = []byte("another's")
		}
		return append(appendHeader(nil, op, len(p), nil), p...)
	}}
	r := besiege(t, s, HostileOptions{Lines: []int{15, 16, 27, 60}}) // each takes two messages of every witness
	if r.Failed != 1 || len(r.Lines) != 4 {
		t.Errorf("got %+v, want one that failed", r.Lines)
	}
}

// When the server has gone no line is tried any more.
func TestHostileGone(t *testing.T) {
	s := new(testServer)
	s.reply = func(_ int64, op byte, p []byte) []byte {
		if len(p) == 300 { // of line 27
			s.ln.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			for nc := range s.conns {
				nc.Close()
			}
		}
		return append(appendHeader(nil, op, len(p), nil), p...)
	}
	r := besiege(t, s, HostileOptions{Lines: []int{14, 16, 27, 28, 43, 60}})
	if r.Failed != 1 || r.LeftOut != 4 || r.Gone != 27 {
		t.Errorf("%d failed, %d are left out, gone after line %d: %+v", r.Failed, r.LeftOut, r.Gone, r.Lines)
	}
	for _, l := range r.Lines {
		if left := strings.HasPrefix(l.Seen, "left out: the server has gone"); left != (l.Line == 14 || l.Line > 27) {
			t.Errorf("line %d: %s", l.Line, l.Seen)
		}
	}
	var text bytes.Buffer
	if err := r.WriteTable(&text); err != nil || !strings.Contains(text.String(), "gone after line 27") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// A compressed message that is answered with the end, and with no close frame, is answered wrongly.
func TestHostileDeflateDropped(t *testing.T) {
	s := &testServer{accept: func(key string) string {
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" +
			"Sec-WebSocket-Accept: " + acceptKey([keyLen]byte([]byte(key))) + "\r\n\r\n"
	}}
	r := besiege(t, s, HostileOptions{Lines: []int{51, 52, 53}})
	for _, l := range r.Lines {
		if l.Tried == 0 || l.Wrong != l.Tried {
			t.Errorf("line %d: %d of %d are wrong: %s", l.Line, l.Wrong, l.Tried, l.Seen)
		}
	}
}

// A refusal has a body of any kind, and nothing behind it.
func TestHostileRefusals(t *testing.T) {
	const head = "HTTP/1.1 400 Bad Request\r\n"
	for name, row := range map[string]struct {
		answer string
		open   bool
		ok     bool
	}{
		"length":                     {head + "Content-Length: 3\r\n\r\nbad", false, true},
		"chunks":                     {head + "Transfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n", false, true},
		"to the end":                 {head + "Connection: close\r\n\r\n400 Bad Request", false, true},
		"nothing":                    {head + "Content-Length: 0\r\n\r\n", false, true},
		"two, the first of a length": {head + "Content-Length: 3\r\n\r\nbad" + head + "\r\n", false, false},
		"two, the first to the end":  {head + "Connection: close\r\n\r\n400" + head + "\r\n", false, false},
		"left open":                  {head + "Content-Length: 3\r\n\r\nbad", true, false},
		"left open, to the end":      {head + "Connection: close\r\n\r\nbad", true, false},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		done := make(chan struct{})
		go func() { // ends with the client, or at once
			defer close(done)
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			defer nc.Close()
			_, _ = http.ReadRequest(bufio.NewReader(nc)) // the answer is the same
			_, _ = io.WriteString(nc, row.answer)        // the trial tells
			if row.open {
				_, _ = io.Copy(io.Discard, nc) // until the client has gone
			}
		}()
		o := HostileOptions{Target: Target{URL: "ws://" + ln.Addr().String() + "/"}, Patience: 100 * time.Millisecond}
		e, err := o.resolve(1, true)
		if err != nil {
			t.Fatal(err)
		}
		h := &hostile{endpoint: e, o: o, ctx: context.Background()}
		if got := h.ask(request{"", h.head(), "400", ""}); got.ok != row.ok {
			t.Errorf("%s: got %+v", name, got)
		}
		<-done
	}
}

func TestHostileWrites(t *testing.T) {
	r := besiege(t, new(testServer), HostileOptions{Lines: []int{4, 15, 50}})
	var text, table, object bytes.Buffer
	if err := r.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a request cut at each byte", "ok", "FAILED", "left out", "3 lines: 1 failed, 1 left out"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if err := r.WriteMarkdown(&table); err != nil || !strings.HasPrefix(table.String(), "| line") {
		t.Errorf("%v\n%s", err, table.String())
	}
	var back HostileResult
	if err := r.WriteJSON(&object); err != nil || json.Unmarshal(object.Bytes(), &back) != nil || len(back.Lines) != 3 || back.Failed != 1 {
		t.Errorf("%v\n%s", err, object.String())
	}
}

func TestHostileErrors(t *testing.T) {
	for name, o := range map[string]HostileOptions{
		"no URL":   {},
		"nobody":   {Target: Target{URL: "ws://127.0.0.1:1/"}},
		"negative": {Target: Target{URL: "ws://127.0.0.1:1/"}, Witnesses: -1},
	} {
		if r, err := Hostile(context.Background(), o); err == nil || r != nil {
			t.Errorf("%s: got %v, %v", name, r, err)
		}
	}
	s := new(testServer).start(t)
	if r, err := Hostile(context.Background(), HostileOptions{Target: Target{URL: s.url()}, Lines: []int{18, 33}}); err == nil || r != nil {
		t.Errorf("lines that nobody can try from outside: got %v, %v", r, err)
	}
}
