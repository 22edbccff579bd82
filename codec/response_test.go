package codec

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

const goodResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + goodAccept + "\r\n\r\n"

var goodHead = ClientHead{
	Target:       "/chat?a=b",
	Host:         "server.example.com",
	Key:          goodKey,
	Origin:       "http://example.com",
	Subprotocols: []string{"chat", "superchat"},
	Header:       http.Header{"Cookie": {"a=b"}},
}

func TestAppendRequest(t *testing.T) {
	got, err := AppendRequest([]byte("-"), &goodHead)
	want := "-GET /chat?a=b HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: " + goodKey + "\r\nOrigin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\nCookie: a=b\r\n\r\n"
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v\nwant %q", got, err, want)
	}
	mustShake(t, string(got[1:]), 101)
	// The shortest one, and one with an offer.
	for _, h := range []ClientHead{{Host: "[::1]:8080", Key: goodKey}, {Host: "a", Key: goodKey, Extensions: "permessage-deflate; client_max_window_bits"}} {
		got, err := AppendRequest(nil, &h)
		if err != nil {
			t.Fatal(err)
		}
		mustShake(t, string(got), 101)
	}
}

func TestAppendRequestRefuses(t *testing.T) {
	change := func(f func(h *ClientHead)) ClientHead {
		h := goodHead
		f(&h)
		return h
	}
	heads := map[string]ClientHead{
		"target":           change(func(h *ClientHead) { h.Target = "/ HTTP/1.1\r\nX: y" }),
		"target, no slash": change(func(h *ClientHead) { h.Target = "chat" }),
		"target, escape":   change(func(h *ClientHead) { h.Target = "/%zz" }),
		"fragment":         change(func(h *ClientHead) { h.Target = "/#a" }),
		"host":             change(func(h *ClientHead) { h.Host = "a\r\nX: y" }),
		"no host":          change(func(h *ClientHead) { h.Host = "" }),
		"key":              change(func(h *ClientHead) { h.Key = "short" }),
		"origin":           change(func(h *ClientHead) { h.Origin = "a\r\nX: y" }),
		"subprotocol":      change(func(h *ClientHead) { h.Subprotocols = []string{"a b"} }),
		"subprotocols":     change(func(h *ClientHead) { h.Subprotocols = []string{"a", "b", "a"} }),
		"extensions":       change(func(h *ClientHead) { h.Extensions = "a\nb" }),
		"Host in header":   change(func(h *ClientHead) { h.Header = http.Header{"host": {"b"}} }),
		"Origin in header": change(func(h *ClientHead) { h.Header = http.Header{"Origin": {"b"}} }),
	}
	for name, h := range heads {
		if got, err := AppendRequest([]byte("before"), &h); err == nil || string(got) != "before" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, bad := range badHeaders {
		h := goodHead
		h.Header = bad
		if got, err := AppendRequest([]byte("before"), &h); err == nil || string(got) != "before" {
			t.Errorf("%v: got %q, %v", bad, got, err)
		}
	}
}

func TestResponseParse(t *testing.T) {
	in := strings.Replace(goodResponse, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\nX: 1\r\nX: 2\r\n\r\n", 1)
	var r Response
	for cut := range len(in) {
		if n, err := r.Parse([]byte(in[:cut]), Limits{}); n != 0 || err != nil {
			t.Fatalf("%d bytes: got %d, %v", cut, n, err)
		}
	}
	n, err := r.Parse([]byte(in+"\x81\x00"), Limits{})
	if err != nil || n != len(in) {
		t.Fatalf("got %d, %v, want %d", n, err, len(in))
	}
	if r.Status != 101 || string(r.Reason) != "Switching Protocols" || string(r.Subprotocol) != "chat" || r.Extensions != nil || r.Minor != 1 ||
		string(r.Proto) != "HTTP/1.1" || r.Header().Values("X")[1] != "2" {
		t.Fatalf("got %+v", r)
	}
	if err := r.CheckUpgrade(&goodHead); err != nil {
		t.Fatal(err)
	}
}

func TestResponseMalformed(t *testing.T) {
	line := "HTTP/1.1 101 Switching Protocols"
	for _, bad := range []string{"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 10", "HTTP/1.1 1010 X", "HTTP/1.1 099 X", "HTTP/1.1 1a1 X", "HTTP/1.1  101 X", "HTTP/2.0 101 X",
		"ICY 101 X", "HTTP/1.1 101\tX", "HTTP/1.1 101 \x00", "HTTP/1.1 101 X\n", "HTTP/1.1 101 X\r\n folded", "HTTP/1.1 101 X\r\nX : y", "\x16\x03"} {
		var r Response
		n, err := r.Parse([]byte(strings.Replace(goodResponse, line, bad, 1)), Limits{})
		if n != 0 || !errors.Is(err, ErrHandshake) {
			t.Errorf("%q: got %d, %v", bad, n, err)
		}
	}
	for _, fine := range []string{"HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101 \xe4"} {
		var r Response
		if n, err := r.Parse([]byte(strings.Replace(goodResponse, line, fine, 1)), Limits{}); n == 0 || err != nil || r.Status != 101 {
			t.Errorf("%q: got %d, %v", fine, n, err)
		}
	}
	var r Response
	if _, err := r.Parse([]byte("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 9000)), Limits{}); !errors.Is(err, ErrHandshake) {
		t.Errorf("a head without end: got %v", err)
	}
}

func TestResponseCheckUpgrade(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		ok             bool
	}{
		{"good", "", "", true},
		{"status", "101 Switching Protocols", "200 OK", false},
		{"refused", "101 Switching Protocols", "403 Forbidden", false},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", false},
		{"no Upgrade", "Upgrade: websocket\r\n", "", false},
		{"other Upgrade", "Upgrade: websocket\r\n", "Upgrade: h2c\r\n", false},
		{"case", "websocket", "WebSocket", true},
		{"no Connection", "Connection: Upgrade\r\n", "", false},
		{"Connection list", "Connection: Upgrade", "Connection: keep-alive, upgrade", true},
		{"no accept", "Sec-WebSocket-Accept: " + goodAccept + "\r\n", "", false},
		{"other accept", goodAccept, AcceptKey("another"), false},
		{"two accepts", "\r\n\r\n", "\r\nSec-WebSocket-Accept: " + goodAccept + "\r\n\r\n", false},
		{"subprotocol", "\r\n\r\n", "\r\nSec-WebSocket-Protocol: superchat\r\n\r\n", true},
		{"subprotocol not offered", "\r\n\r\n", "\r\nSec-WebSocket-Protocol: other\r\n\r\n", false},
		{"two subprotocols", "\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n\r\n", false},
		{"a list of subprotocols", "\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n", false},
		{"empty subprotocol", "\r\n\r\n", "\r\nSec-WebSocket-Protocol:\r\n\r\n", false},
		{"extension not offered", "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Response
			if _, err := r.Parse([]byte(strings.Replace(goodResponse, c.old, c.new, 1)), Limits{}); err != nil {
				t.Fatal(err)
			}
			err := r.CheckUpgrade(&goodHead)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrHandshake) {
				t.Fatalf("got %v, want ok %v", err, c.ok)
			}
		})
	}
	// A subprotocol although none was offered.
	var r Response
	if _, err := r.Parse([]byte(strings.Replace(goodResponse, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", 1)), Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckUpgrade(&ClientHead{Key: goodKey}); err == nil {
		t.Fatal("a subprotocol was accepted that was not offered")
	}
}

// Both halves of the handshake fit.
func TestHandshakeBothHalves(t *testing.T) {
	req, err := AppendRequest(nil, &goodHead)
	if err != nil {
		t.Fatal(err)
	}
	var server Request
	if _, err := server.Parse(req, Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := server.CheckUpgrade(); err != nil {
		t.Fatal(err)
	}
	answer, err := AppendUpgrade(nil, server.Key, server.SelectSubprotocol([]string{"superchat", "chat"}), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var client Response
	if _, err := client.Parse(answer, Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := client.CheckUpgrade(&goodHead); err != nil || string(client.Subprotocol) != "chat" {
		t.Fatalf("got %q, %v", client.Subprotocol, err)
	}
}
