package bench

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// The example of RFC 6455, 1.3.
func TestAcceptKey(t *testing.T) {
	var key [keyLen]byte
	copy(key[:], "dGhlIHNhbXBsZSBub25jZQ==")
	if got, want := acceptKey(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequest(t *testing.T) {
	h := newHandshake("example.org:81", "/a?b=c", http.Header{"Cookie": {"d=e"}, "Authorization": {"f"}}, Uncompressed)
	r := rng(5)
	first, _ := h.request(&r)
	second, key := h.request(&r)
	if bytes.Equal(first, second) {
		t.Error("two requests have the same key")
	}
	got, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(second)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "example.org:81" || got.RequestURI != "/a?b=c" {
		t.Errorf("got %s on %s", got.RequestURI, got.Host)
	}
	for name, want := range map[string]string{
		"Sec-WebSocket-Key": string(key[:]), "Sec-WebSocket-Version": "13",
		"Upgrade": "websocket", "Connection": "Upgrade", "Cookie": "d=e", "Authorization": "f",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	var key [keyLen]byte
	copy(key[:], "dGhlIHNhbXBsZSBub25jZQ==")
	const line = "HTTP/1.1 101 Switching Protocols\r\n"
	const fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	tests := []struct{ name, answer, want string }{
		{"right", line + fields + "\r\n", ""},
		{"other case", line + strings.ToUpper("upgrade: websocket\r\nconnection: x, upgrade\r\n") +
			"sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", ""},
		{"200", "HTTP/1.1 200 OK\r\n" + fields + "\r\n", "200 OK"},
		{"1010", "HTTP/1.1 1010 OK\r\n" + fields + "\r\n", "1010"},
		{"HTTP/1.0", "HTTP/1.0 101 OK\r\n" + fields + "\r\n", "not HTTP/1.1"},
		{"extension", line + fields + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension"},
		{"no fields", line + "\r\n", "Upgrade"},
		{"no connection", line + "Upgrade: websocket\r\n\r\n", "Connection"},
		{"no accept", line + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "Accept"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range len(test.answer) - 1 {
				if n, err := new(handshake).parseAnswer([]byte(test.answer[:i]), key); n != 0 || err != nil {
					t.Fatalf("got %d and %v for the first %d bytes", n, err, i)
				}
			}
			n, err := new(handshake).parseAnswer([]byte(test.answer+"\x82\x00"), key)
			if test.want == "" && (n != len(test.answer) || err != nil) {
				t.Errorf("got %d and %v, want %d", n, err, len(test.answer))
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestTargetSources(t *testing.T) {
	e, err := Target{URL: "ws://127.0.0.1:9/"}.resolve(10, true)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for id := range 1000 {
		seen[e.source(id).String()] = true
	}
	if len(seen) != churnSources || !seen["127.0.0.1"] || !seen["127.0.0.16"] {
		t.Errorf("got %v", seen)
	}
	e, err = Target{URL: "ws://[::1]:9/"}.resolve(10, true)
	if err != nil || e.source(3).IsValid() {
		t.Errorf("got %v and %v: IPv6 has one loopback address", e.source(3), err)
	}
}

func TestTooManyConnections(t *testing.T) {
	_, err := Target{URL: "ws://127.0.0.1:9/"}.resolve(1<<30, false)
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v, want an error with ulimit -n", err)
	}
}
