package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// besiege runs the lines against the tests' own server, which is simple and careless.
func besiege(t *testing.T, s *testServer, o HostileOptions) *HostileResult {
	t.Helper()
	s.start(t)
	o.URL, o.Witnesses, o.Patience, o.MaxFragments, o.Flood = s.url(), 5, time.Second, 100, 50
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
	r := besiege(t, new(testServer), HostileOptions{Lines: slices.Concat(bad, good)})
	wrong := failed(r)
	for _, n := range bad {
		if !slices.Contains(wrong, n) {
			t.Errorf("line %d: nothing is found: %+v", n, r.Lines[slices.IndexFunc(r.Lines, func(l HostileLine) bool { return l.Line == n })])
		}
	}
	for _, n := range good {
		if slices.Contains(wrong, n) {
			t.Errorf("line %d: %+v", n, r.Lines[slices.IndexFunc(r.Lines, func(l HostileLine) bool { return l.Line == n })])
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
	r := besiege(t, &testServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}}, HostileOptions{Lines: []int{15, 16, 19, 27, 82}})
	if len(r.Lines) != 5 || r.LeftOut != 1 {
		t.Errorf("got %+v", r.Lines)
	}
	for _, l := range r.Lines {
		if l.Line != 19 && l.Wrong > 0 { // it waits for ever for the rest of a hello
			t.Errorf("line %d: %s", l.Line, l.Seen)
		}
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
}
