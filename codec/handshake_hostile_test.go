package codec

import (
	"fmt"
	"strings"
	"testing"
)

func TestHostile01Method(t *testing.T) {
	for _, method := range []string{"POST", "HEAD", "get", "OPTIONS", "PUT", "GETT"} {
		r := mustShake(t, with(t, "GET", method), 405)
		if got := r.Header.Get("Allow"); got != "GET" {
			t.Errorf("%s: got Allow %q, want GET", method, got)
		}
	}
	for _, proto := range []string{"HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/3.1"} {
		mustShake(t, with(t, "HTTP/1.1", proto), 505)
	}
	mustShake(t, with(t, "HTTP/1.1", "HTTP/1.2"), 101)
	for _, target := range []string{
		"*", "http://other.example.com/chat", "http://server.example.com.evil/chat", "http://server.example.com:81/", "ftp://server.example.com/",
		"http://evil@server.example.com/", "http://server.example.com", "server.example.com:80", "chat", "", "/a b", "/a#b", "/%", "/%4", "/%zz", "/\x01", "/\x7f", "/?\x01", "/?a#b",
	} {
		mustShake(t, with(t, "/chat?topic=a&b=%20", target), 400)
	}
	for _, target := range []string{"/", "//", "/%41?%", "/a?b?c", "/\xc3\xb6", "http://server.example.com/chat", "HTTP://SERVER.example.com/chat?x", "ws://server.example.com/"} {
		mustShake(t, with(t, "/chat?topic=a&b=%20", target), 101)
	}
	for _, line := range []string{"GET", "GET ", "GET /", "GET /chat", "GET  /chat HTTP/1.1", "GET /chat  HTTP/1.1", "GET /chat HTTP/1.1 ", " GET /chat HTTP/1.1",
		"GET\t/chat HTTP/1.1", "GET /chat http/1.1", "GET /chat HTTP/1.", "GET /chat HTTP/1.10", "GET /chat HTTP/11.1", "GET /chat HTTP/+1.1", "G@T /chat HTTP/1.1", ""} {
		mustShake(t, with(t, "GET /chat?topic=a&b=%20 HTTP/1.1", line), 400)
	}
}

func TestHostile02Upgrade(t *testing.T) {
	for _, line := range []string{"", "Upgrade: h2c\r\n", "Upgrade: websockets\r\n", "Upgrade: web socket\r\n", "Upgrade:\r\n", "Upgrade: websocket/13\r\n", "Upgrade: web\u017focket\r\n"} {
		r := mustShake(t, with(t, "Upgrade: websocket\r\n", line), 426)
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%q: got header %v", line, r.Header)
		}
	}
	for _, line := range []string{"Upgrade: WebSocket\r\n", "UPGRADE:websocket\r\n", "Upgrade: h2c, websocket\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n"} {
		mustShake(t, with(t, "Upgrade: websocket\r\n", line), 101)
	}
	for _, line := range []string{"", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection:\r\n", "Connection: upgraded\r\n", "Connection: up grade\r\n"} {
		mustShake(t, with(t, "Connection: Upgrade\r\n", line), 400)
	}
	for _, line := range []string{"Connection: keep-alive, Upgrade\r\n", "connection: UPGRADE\r\n", "Connection: ,upgrade,\r\n", "Connection: keep-alive\r\nConnection: upgrade\r\n"} {
		mustShake(t, with(t, "Connection: Upgrade\r\n", line), 101)
	}
}

func TestHostile03Key(t *testing.T) {
	line := "Sec-WebSocket-Key: " + goodKey + "\r\n"
	for _, bad := range []string{
		"",
		line + line,
		line + "Sec-WebSocket-Key: x\r\n",
		"Sec-WebSocket-Key:\r\n",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",           // 15 bytes
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n",       // 17
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEyMzQ1Ng\r\n", // no padding
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==\r\n",       // of base64url
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=a\r\n",
		"Sec-WebSocket-Key: dGhlIHNhbXBs=SBub25jZQ==\r\n",
		"Sec-WebSocket-Key: dGhlIHNhbXBs SBub25jZQ==\r\n",
	} {
		mustShake(t, with(t, line, bad), 400)
	}
	mustShake(t, with(t, line, "sec-websocket-key:"+goodKey+" \t\r\n"), 101)
}

func TestHostile04Version(t *testing.T) {
	line := "Sec-WebSocket-Version: 13\r\n"
	for _, bad := range []string{"", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 0\r\n", "Sec-WebSocket-Version: 14\r\n", "Sec-WebSocket-Version:\r\n",
		"Sec-WebSocket-Version: 013\r\n", "Sec-WebSocket-Version: 13, 8\r\n", line + "Sec-WebSocket-Version: 8\r\n", line + line} {
		r := mustShake(t, with(t, line, bad), 426)
		if got := r.Header.Get("Sec-WebSocket-Version"); got != "13" {
			t.Errorf("%q: got Sec-WebSocket-Version %q, want 13", bad, got)
		}
	}
}

func TestHostile05Host(t *testing.T) {
	line := "Host: server.example.com\r\n"
	for _, bad := range []string{"", line + line, line + "hoST: b\r\n", "Host: a b\r\n", "Host: a\rb\r\n", "Host: a\nb\r\n", "Host: a\x00\r\n", "Host:\r\n",
		"Host: a/b\r\n", "Host: u@a\r\n", "Host: a:b\r\n", "Host: a:123456\r\n", "Host: a:80:80\r\n", "Host: :80\r\n", "Host: [::1\r\n", "Host: []\r\n",
		"Host: [::1]x\r\n", "Host: [::g]\r\n", "Host: \xff\r\n", "Host: a?\r\n", "Host: ::1\r\n", "Host: a%41\r\n"} {
		mustShake(t, with(t, line, bad), 400)
	}
	// Not only of an upgrade: HTTP/1.1 asks for it (RFC 9112, 3.2).
	var r Request
	if _, err := r.Parse([]byte("GET / HTTP/1.1\r\n\r\n"), Limits{}); err == nil {
		t.Fatal("a plain request without Host was accepted")
	}
	for _, good := range []string{"Host: a\r\n", "Host: a:80\r\n", "Host: a:\r\n", "Host: [::1]\r\n", "Host: [::ffff:1.2.3.4]:8080\r\n", "host:   xn--bcher-kva.example \t\r\n", "Host: a_b.c-d~e!\r\n"} {
		mustShake(t, with(t, line, good), 101)
	}
}

func TestHostile06Body(t *testing.T) {
	line := "Upgrade: websocket\r\n"
	for _, bad := range []string{"Content-Length: 5\r\n", "content-length: 00\r\n", "Content-Length: -1\r\n", "Content-Length:\r\n", "Content-Length: 0, 5\r\n",
		"Content-Length: 0\r\nContent-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: identity\r\n", "Transfer-Encoding:\r\n"} {
		mustShake(t, with(t, line, line+bad), 400)
	}
	mustShake(t, with(t, line, line+"Content-Length: 0\r\n"), 101)
}

func TestHostile07MalformedLines(t *testing.T) {
	line := "Connection: Upgrade\r\n"
	for _, bad := range []string{
		"Connection: Upgrade\n", "\n", "X: a\nY: b\r\n", // bare LF
		"Connection: Upgrade\r\n folded\r\n", "\tfolded\r\n", " X: a\r\n",
		"Connection : Upgrade\r\n", "Connection\t: Upgrade\r\n", "Con nection: Upgrade\r\n",
		"Connection\r\n", ": x\r\n", "\x80: x\r\n", "X(: x\r\n", "\"X\": x\r\n", "X\x00: x\r\n",
		"X: a\x00b\r\n", "X: a\rb\r\n", "X: a\x7fb\r\n", "X: a\x1bb\r\n", "\r: x\r\n",
	} {
		mustShake(t, with(t, line, line+bad), 400)
	}
	for _, fine := range []string{"X:\r\n", "X: \xc3\xa4\xff\r\n", "X: a\tb\r\n", "X!#$%&'*+-.^_`|~9: :\r\n", "X: a: b\r\n"} {
		mustShake(t, with(t, line, line+fine), 101)
	}
	// A head of bare LFs has no end that would start its parsing: it is refused
	// at its first line.
	if got, _ := shake(t, "GET / HTTP/1.1\n", 1, Limits{}); got != 400 {
		t.Fatalf("got %d for a bare LF, want 400", got)
	}
	// So is what cannot be a request: a TLS hello, a lone CR LF.
	for _, in := range []string{"\x16", "\r", "\n", " ", "\x80\x01"} {
		if got, _ := shake(t, in, 1, Limits{}); got != 400 {
			t.Fatalf("%q: got %d, want 400", in, got)
		}
	}
}

func TestHostile08Limits(t *testing.T) {
	end := "Sec-WebSocket-Version: 13\r\n\r\n"
	fields := func(n int) string { // goodRequest with n fields in all
		return with(t, end, strings.Repeat("X: y\r\n", n-7)+end)
	}
	bytes := func(n int) string { // and with n bytes in all
		return with(t, end, "X: "+strings.Repeat("y", n-len(goodRequest)-5)+"\r\n"+end)
	}
	mustShake(t, fields(64), 101)
	mustShake(t, fields(65), 431)
	mustShake(t, bytes(8192), 101)
	mustShake(t, bytes(8193), 431)
	mustShake(t, bytes(65536), 431)
	mustShake(t, strings.Repeat("G", 65536), 431)
	// At the limit, not after: the head is not whole yet.
	for _, c := range []struct {
		in   string
		want int
	}{
		{bytes(8193)[:8192], 431}, {bytes(8193)[:8191], 0},
		{"GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 65), 431}, {"GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 64) + "X: y", 0},
	} {
		for _, step := range []int{0, 1, 100} {
			if got, _ := shake(t, c.in, step, Limits{}); got != c.want {
				t.Errorf("%d bytes in steps of %d: got %d, want %d", len(c.in), step, got, c.want)
			}
		}
	}
	// What is behind the limit is not looked at.
	if got, _ := shake(t, bytes(8193)[:8192]+"\n\n", 0, Limits{}); got != 431 {
		t.Errorf("got %d, want 431", got)
	}
	for _, c := range []struct {
		lim  Limits
		want int
	}{
		{Limits{HeadBytes: len(goodRequest)}, 101}, {Limits{HeadBytes: len(goodRequest) - 1}, 431},
		{Limits{Fields: 7}, 101}, {Limits{Fields: 6}, 431},
	} {
		if got, _ := shake(t, goodRequest, 0, c.lim); got != c.want {
			t.Errorf("%+v: got %d, want %d", c.lim, got, c.want)
		}
	}
	if got, _ := shake(t, bytes(100_000), 0, Limits{HeadBytes: -1}); got != 101 {
		t.Errorf("without a limit of bytes: got %d, want 101", got)
	}
	if got, _ := shake(t, fields(1000), 0, Limits{Fields: -1}); got != 101 {
		t.Errorf("without a limit of fields: got %d, want 101", got)
	}
}

func TestHostile09TwoOrigins(t *testing.T) {
	mustShake(t, with(t, "Origin: http://server.example.com\r\n", "Origin: http://server.example.com\r\nOrigin: http://evil\r\n"), 400)
	mustShake(t, with(t, "Origin: http://server.example.com\r\n", ""), 101)
}

func TestHostile13Subprotocols(t *testing.T) {
	line := "Sec-WebSocket-Protocol: chat, superchat\r\n"
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ",p%d", i)
		}
		return "Sec-WebSocket-Protocol: " + b.String()[1:] + "\r\n"
	}
	for _, bad := range []string{"Sec-WebSocket-Protocol:\r\n", "Sec-WebSocket-Protocol: " + strings.Repeat(" ", 3000) + "\r\n", "Sec-WebSocket-Protocol: a,\r\n",
		"Sec-WebSocket-Protocol: a,,b\r\n", "Sec-WebSocket-Protocol: a b\r\n", "Sec-WebSocket-Protocol: \xff\r\n", "Sec-WebSocket-Protocol: a/b\r\n",
		"Sec-WebSocket-Protocol: a, a\r\n", line + "Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: a\rX\r\n", "Sec-WebSocket-Protocol: \"a\"\r\n", many(65)} {
		mustShake(t, with(t, line, bad), 400)
	}
	mustShake(t, with(t, line, "Sec-WebSocket-Protocol: a"+strings.Repeat(" ", 30_000)+"\r\n"), 431)
	for _, fine := range []string{"", "Sec-WebSocket-Protocol: a ,\tb\r\nSec-WebSocket-Protocol: A\r\n", many(64)} {
		mustShake(t, with(t, line, fine), 101)
	}
	// Tokens that mean something to some languages mean nothing here, and are
	// never in the answer.
	for _, p := range []string{"constructor", "__proto__", "toString"} {
		var r Request
		if _, err := r.Parse([]byte(with(t, line, "Sec-WebSocket-Protocol: "+p+"\r\n")), Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := r.SelectSubprotocol([]string{"chat"}); got != "" {
			t.Fatalf("got %q", got)
		}
	}
}

// Cut in two at every byte, byte by byte, and the first frame behind it.
func TestHostile15CutAnywhere(t *testing.T) {
	for cut := range len(goodRequest) + 1 {
		var s HeadScan
		n, err := s.Scan([]byte(goodRequest[:cut]), Limits{})
		if err != nil || n != 0 && cut < len(goodRequest) {
			t.Fatalf("%d bytes: got %d, %v", cut, n, err)
		}
		if n, err = s.Scan([]byte(goodRequest), Limits{}); n != len(goodRequest) || err != nil {
			t.Fatalf("cut at %d: got %d, %v", cut, n, err)
		}
		var r Request
		if n, err := r.Parse([]byte(goodRequest[:cut]), Limits{}); n != cut/len(goodRequest)*cut || err != nil {
			t.Fatalf("%d bytes parsed: got %d, %v", cut, n, err)
		}
	}
	mustShake(t, goodRequest, 101)
}

// Scan looks at each byte once, also inside a line.
func TestHostile15ScanIsLinear(t *testing.T) {
	var s HeadScan
	for i := range len(goodRequest) {
		if _, err := s.Scan([]byte(goodRequest[:i]), Limits{}); err != nil {
			t.Fatal(err)
		}
		if s.seen != i {
			t.Fatalf("with %d bytes the scan is at %d", i, s.seen)
		}
	}
}

func TestHostile16FramesBehindTheHead(t *testing.T) {
	in := append([]byte(goodRequest), frame(OpText, true, "early")...)
	var r Request
	n, err := r.Parse(in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	mustGive(t, &Config{}, in[n:], textMessage("early"))
	// Bytes behind the head do not count as head.
	long := append([]byte(goodRequest), make([]byte, 100_000)...)
	if n, err := r.Parse(long, Limits{}); n != len(goodRequest) || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
}

// The second request behind a refused one is never reached: Parse ends at the
// blank line.
func TestHostile17Pipelined(t *testing.T) {
	first := with(t, "Connection: Upgrade", "Connection: close")
	var r Request
	n, err := r.Parse([]byte(first+goodRequest), Limits{})
	if err != nil || n != len(first) {
		t.Fatalf("got %d, %v, want %d", n, err, len(first))
	}
	if status, _ := refused(t, r.CheckUpgrade()); status != 400 {
		t.Fatalf("got %d, want 400", status)
	}
}
