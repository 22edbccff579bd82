package codec

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAcceptKey(t *testing.T) {
	if got := AcceptKey(goodKey); got != goodAccept {
		t.Fatalf("got %q, want %q", got, goodAccept)
	}
}

func TestAppendUpgrade(t *testing.T) {
	h := http.Header{"X-B": {"2", "3"}, "Set-Cookie": {"a=b"}}
	got, err := AppendUpgrade([]byte("-"), []byte(goodKey), "chat", "permessage-deflate", h)
	want := "-HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + goodAccept +
		"\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\nX-B: 2\r\nX-B: 3\r\n\r\n"
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v\nwant %q", got, err, want)
	}
}

// badHeaders cannot be added to a handshake.
var badHeaders = []http.Header{
	{"X": {"a\r\nSet-Cookie: b"}}, {"X": {"a\nb"}}, {"X": {"fine", "\x00"}}, {"X: y\r\nZ": {"a"}}, {"": {"a"}}, {"a b": {"c"}},
	{"Connection": {"close"}}, {"Content-Length": {"5"}}, {"transfer-encoding": {"chunked"}}, {"Upgrade": {"h2c"}},
	{"Sec-Websocket-Accept": {"x"}}, {"sec-websocket-protocol": {"x"}}, {"SEC-WEBSOCKET-EXTENSIONS": {"x"}},
}

func TestAppendUpgradeRefuses(t *testing.T) {
	for _, h := range badHeaders {
		if got, err := AppendUpgrade([]byte("before"), []byte(goodKey), "", "", h); err == nil || string(got) != "before" {
			t.Errorf("%v: got %q, %v", h, got, err)
		}
	}
	for _, s := range []string{"a\r\nX: b", "a b", "a,b", "é"} {
		if got, err := AppendUpgrade([]byte("before"), []byte(goodKey), s, "", nil); err == nil || string(got) != "before" {
			t.Errorf("subprotocol %q: got %q, %v", s, got, err)
		}
	}
	if got, err := AppendUpgrade([]byte("before"), []byte(goodKey), "", "a\r\nX: b", nil); err == nil || string(got) != "before" {
		t.Errorf("extensions: got %q, %v", got, err)
	}
}

func TestCheckHTTP(t *testing.T) {
	good := func() *http.Request {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(goodRequest)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		name   string
		change func(r *http.Request)
		want   int
	}{
		{"good", func(*http.Request) {}, 101},
		{"method", func(r *http.Request) { r.Method = "POST" }, 405},
		{"HTTP/1.0", func(r *http.Request) { r.ProtoMinor = 0 }, 505},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, 505},
		{"a major version above", func(r *http.Request) { r.ProtoMajor = 3 }, 505},
		{"no Host", func(r *http.Request) { r.Host = "" }, 400},
		{"no Upgrade", func(r *http.Request) { r.Header.Del("Upgrade") }, 426},
		{"no Connection", func(r *http.Request) { r.Header.Del("Connection") }, 400},
		{"version", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426},
		{"no key", func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }, 400},
		{"two keys", func(r *http.Request) { r.Header.Add("Sec-WebSocket-Key", goodKey) }, 400},
		{"length", func(r *http.Request) { r.ContentLength = 5 }, 400},
		{"unknown length", func(r *http.Request) { r.ContentLength = -1 }, 400},
		{"chunked", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, 400},
		{"two origins", func(r *http.Request) { r.Header.Add("Origin", "http://evil") }, 400},
		{"subprotocol twice", func(r *http.Request) { r.Header.Add("Sec-WebSocket-Protocol", "chat") }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good()
			c.change(r)
			got := 101
			if err := CheckHTTP(r); err != nil {
				got, _ = refused(t, err)
			}
			if got != c.want {
				t.Fatalf("got %d, want %d", got, c.want)
			}
		})
	}
}

// There and back: the copy is what net/http would have made, and it lives
// longer than the bytes.
func TestRequestHTTP(t *testing.T) {
	head := []byte(strings.Replace(goodRequest, "\r\n\r\n", "\r\nx-lower: a\r\nX-Lower: b\r\n\r\n", 1))
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		t.Fatal(err)
	}
	var r Request
	if _, err := r.Parse(head, Limits{}); err != nil {
		t.Fatal(err)
	}
	got := r.HTTP(true)
	ruin(head)
	compareHTTP(t, got, want)
	if len(got.Header) != len(want.Header) || got.Header.Get("X-Lower") != "a" || got.Header.Get("Host") != "" {
		t.Fatalf("got %v, want %v", got.Header, want.Header)
	}
	if got.TLS == nil || want.TLS != nil || got.URL.Query().Get("topic") != "a" {
		t.Fatalf("got TLS %v, URL %v", got.TLS, got.URL)
	}
	if body, err := io.ReadAll(got.Body); len(body) != 0 || err != nil {
		t.Fatalf("got a body %q, %v", body, err)
	}
	var back Request
	back.FromHTTP(got)
	if err := back.CheckUpgrade(); err != nil {
		t.Fatal(err)
	}
	if string(back.Path) != "/chat" || string(back.RawQuery) != "topic=a&b=%20" || string(back.Host) != "server.example.com" ||
		string(back.Key) != goodKey || string(back.Origin) != "http://server.example.com" || back.SelectSubprotocol([]string{"superchat"}) != "superchat" {
		t.Fatalf("got %+v", back)
	}
	if back.HTTP(false).TLS != nil {
		t.Fatal("TLS on a plain request")
	}
	// A request that a client made has no RequestURI; its URL is enough.
	made := httptest.NewRequest("GET", "/made?x=y", nil)
	made.RequestURI = ""
	back.FromHTTP(made)
	if got := back.HTTP(false); got.URL.Path != "/made" || got.URL.RawQuery != "x=y" {
		t.Fatalf("got %v", got.URL)
	}
}
