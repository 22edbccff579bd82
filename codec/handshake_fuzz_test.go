package codec

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// FuzzHandshake: any split gives what the whole gives; what we accept, net/http
// reads in the same way, and so does gobwas/ws, whose rules are weaker in all
// but a few known points.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte(goodRequest), byte(1))
	f.Add([]byte(strings.Replace(goodRequest, "GET /chat", "GET http://server.example.com/chat", 1)), byte(7))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhello"), byte(3))
	f.Add([]byte("GET / HTTP/1.1\nHost: a\n\n"), byte(2))
	f.Add([]byte("OPTIONS * HTTP/1.0\r\nX: \tb \r\n\r\n"), byte(9))
	lim := Limits{HeadBytes: 600, Fields: 12}
	f.Fuzz(func(t *testing.T, in []byte, step byte) {
		whole, _ := shake(t, string(in), 0, lim)
		if pieces, _ := shake(t, string(in), 1+int(step)%50, lim); pieces != whole {
			t.Fatalf("in pieces of %d: got %d, want %d", 1+step%50, pieces, whole)
		}
		var r Request
		n, err := r.Parse(in, lim)
		if err != nil || n == 0 {
			return
		}
		if n > lim.HeadBytes || len(r.Fields) > lim.Fields {
			t.Fatalf("%d bytes and %d fields are over the limits", n, len(r.Fields))
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in[:n])))
		if err != nil {
			compareRefused(t, &r, err)
			return
		}
		compareHTTP(t, r.HTTP(false), want)
		if whole != 101 {
			return
		}
		if err := CheckHTTP(want); err != nil {
			t.Fatalf("CheckHTTP refuses what CheckUpgrade accepts: %v", err)
		}
		if _, _, err := upgradeByGobwas(string(in[:n])); err != nil && !gobwasIsStricter(&r) {
			t.Fatalf("gobwas/ws refuses what we accept: %v", err)
		}
	})
}

// compareRefused fails when net/http refuses a request that we would upgrade.
func compareRefused(t *testing.T, r *Request, err error) {
	if r.CheckUpgrade() == nil {
		t.Fatalf("net/http refuses what we accept: %v", err)
	}
}

func compareHTTP(t *testing.T, got, want *http.Request) {
	t.Helper()
	if got.Method != want.Method || got.RequestURI != want.RequestURI || !strings.EqualFold(got.Host, want.Host) ||
		got.Proto != want.Proto || got.ProtoMinor != want.ProtoMinor {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(got.URL, want.URL) {
		t.Fatalf("got URL %#v, want %#v", got.URL, want.URL)
	}
	for name, values := range want.Header {
		// net/http adds a Cache-Control to a Pragma, and moves what frames the body.
		if name != "Cache-Control" && !reflect.DeepEqual(got.Header[name], values) {
			t.Fatalf("got %s %q, want %q", name, got.Header[name], values)
		}
	}
}

// gobwasIsStricter names what gobwas/ws refuses and we accept: Upgrade as a
// list, Connection in several fields, a field name it does not canonicalise to
// what it looks for, and versions of HTTP above 1.1.
func gobwasIsStricter(r *Request) bool {
	upgrades, connections := 0, 0
	for range r.Values("Upgrade") {
		upgrades++
	}
	for range r.Values("Connection") {
		connections++
	}
	return upgrades > 1 || connections > 1 || !equalFold(r.Get("Upgrade"), "websocket") || r.Minor != 1 ||
		string(r.Target[:1]) != "/"
}
