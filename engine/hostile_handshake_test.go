package engine

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/pool"
)

// The numbers are the lines of the plan of hostile inputs that this project tests by.

// attempt is one handshake and the status that answers it: 101, or a refusal and the end.
type attempt struct {
	name   string
	head   string
	status int
	header string // "Name: value" that the refusal has
}

// attempts sends each on a connection of its own, while witnesses on the same loops are served.
func attempts(t *testing.T, o *Options, all []attempt) {
	t.Helper()
	for _, streams := range []bool{false, true} {
		r := rig{loops: 2, door: listened, streams: streams}
		t.Run(choose(streams, "streams", "reactor"), func(t *testing.T) {
			s := r.serve(t, echo, o)
			w := witnesses(s)
			for _, a := range all {
				t.Run(a.name, func(t *testing.T) {
					p := newPeer(t, s.dial().nc)
					p.write([]byte(a.head))
					if a.status == 101 {
						p.accepted()
						p.closing()
						return
					}
					// What follows a refused request is not looked at.
					_, _ = p.nc.Write([]byte("\x81\x80\x00\x00\x00\x00" + ask("/")))
					got := p.refused(a.status)
					if name, value, _ := strings.Cut(a.header, ": "); got.Header.Get(name) != value {
						t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
					}
				})
			}
			w.alive(t)
		})
	}
}

// witnessed are connections beside those that a test maltreats.
type witnessed []*peer

// manyWitnesses is how many the plan wants beside each of its lines.
const manyWitnesses = 100

func witnesses(s *running) witnessed { return s.witnesses("/") }

func (s *running) witnesses(path string) (w witnessed) {
	s.t.Helper()
	for range manyWitnesses {
		p := s.dial()
		p.shake(path)
		w = append(w, p)
	}
	return w
}

// alive wants every echo of theirs, and then their end.
func (w witnessed) alive(t testing.TB) {
	t.Helper()
	for i, p := range w {
		p.nc.SetDeadline(time.Now().Add(patience))
		p.sendText(fmt.Sprint("alive ", i))
		p.wantText(fmt.Sprint("alive ", i))
		p.closing()
	}
}

// with is a good request with old replaced by new.
func with(old, new string) string {
	head := ask("/")
	if !strings.Contains(head, old) {
		panic("the request has no " + old)
	}
	return strings.Replace(head, old, new, 1)
}

func TestHostile1Request(t *testing.T) {
	attempts(t, nil, []attempt{
		{"good", ask("/"), 101, ""},
		{"POST", with("GET", "POST"), 405, "Allow: GET"},
		{"HEAD", with("GET", "HEAD"), 405, "Allow: GET"},
		{"get", with("GET", "get"), 405, "Allow: GET"},
		{"HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), 505, ""},
		{"HTTP/2.0", with("HTTP/1.1", "HTTP/2.0"), 505, ""},
		{"HTTP/1.2", with("HTTP/1.1", "HTTP/1.2"), 101, ""},
		{"star", with("GET / ", "GET * "), 400, ""},
		{"absolute-form with another host", with("GET / ", "GET http://other.test/ "), 400, ""},
		{"absolute-form", with("GET / ", "GET http://weir.test/ "), 101, ""},
		{"authority-form", with("GET / ", "GET weir.test:80 "), 400, ""},
		{"no target", with("GET / HTTP", "GET HTTP"), 400, ""},
		{"two spaces", with("GET / ", "GET  / "), 400, ""},
		{"fragment", with("GET / ", "GET /#a "), 400, ""},
		{"no protocol", with(" HTTP/1.1", ""), 400, ""},
		{"binary", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
	})
}

func TestHostile2Upgrade(t *testing.T) {
	attempts(t, nil, []attempt{
		{"no Upgrade", with("Upgrade: websocket\r\n", ""), 426, "Upgrade: websocket"},
		{"other Upgrade", with("websocket", "h2c"), 426, "Upgrade: websocket"},
		{"Upgrade with more", with("websocket", "h2c, WebSocket"), 101, ""},
		{"Upgrade as a part", with("websocket", "websocket2"), 426, ""},
		{"no Connection", with("Connection: Upgrade\r\n", ""), 400, ""},
		{"other Connection", with("Connection: Upgrade", "Connection: keep-alive"), 400, ""},
		{"Connection as a part", with("Connection: Upgrade", "Connection: upgraded"), 400, ""},
		{"Connection with more", with("Connection: Upgrade", "Connection: keep-alive, Upgrade"), 101, ""},
		{"Connection twice", with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"), 101, ""},
		{"names in another case", with("Connection: Upgrade", "CONNECTION: uPgRaDe"), 101, ""},
	})
}

func TestHostile3Key(t *testing.T) {
	attempts(t, nil, []attempt{
		{"missing", with("Sec-WebSocket-Key: "+sampleKey+"\r\n", ""), 400, ""},
		{"twice", with("Sec-WebSocket-Key: ", "Sec-WebSocket-Key: "+sampleKey+"\r\nSec-WebSocket-Key: "), 400, ""},
		{"empty", with(sampleKey, ""), 400, ""},
		{"no base64", with(sampleKey, "dGhlIHNhbXBsZSBub25j!!=="), 400, ""},
		{"15 bytes", with(sampleKey, "dGhlIHNhbXBsZSBub24="), 400, ""},
		{"17 bytes", with(sampleKey, "dGhlIHNhbXBsZSBub25jZTE="), 400, ""},
		{"no padding", with(sampleKey, "dGhlIHNhbXBsZSBub25jZQ"), 400, ""},
	})
}

func TestHostile4Version(t *testing.T) {
	for _, v := range []string{"8", "0", "14", "", "013", "13, 8", "x", "-13"} {
		attempts(t, nil, []attempt{{"version " + v, with("Version: 13", "Version: "+v), 426, "Sec-WebSocket-Version: 13"}})
	}
	attempts(t, nil, []attempt{
		{"missing", with("Sec-WebSocket-Version: 13\r\n", ""), 426, "Sec-WebSocket-Version: 13"},
		{"twice", with("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"), 426, "Sec-WebSocket-Version: 13"},
	})
}

func TestHostile5Host(t *testing.T) {
	attempts(t, nil, []attempt{
		{"missing", with("Host: weir.test\r\n", ""), 400, ""},
		{"empty", with("weir.test", ""), 400, ""},
		{"twice", with("Host: weir.test", "Host: weir.test\r\nHost: weir.test"), 400, ""},
		{"carriage return", with("weir.test", "weir\rtest"), 400, ""},
		{"line feed", with("weir.test", "weir\ntest"), 400, ""},
		{"space", with("weir.test", "weir test"), 400, ""},
		{"slash", with("weir.test", "weir.test/"), 400, ""},
		{"IPv6", with("weir.test", "[::1]:8080"), 101, ""},
	})
}

func TestHostile6Body(t *testing.T) {
	frame := string(maskedFrame(0x81, []byte("smuggled")))
	attempts(t, nil, []attempt{
		{"Content-Length", with("\r\n\r\n", "\r\nContent-Length: 14\r\n\r\n"+frame), 400, ""},
		{"Content-Length twice", with("\r\n\r\n", "\r\nContent-Length: 0\r\nContent-Length: 14\r\n\r\n"+frame), 400, ""},
		{"Content-Length +0", with("\r\n\r\n", "\r\nContent-Length: +0\r\n\r\n"+frame), 400, ""},
		{"chunked", with("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"+"e\r\n"+frame+"\r\n0\r\n\r\n"), 400, ""},
		{"identity", with("\r\n\r\n", "\r\nTransfer-Encoding: identity\r\n\r\n"+frame), 400, ""},
		{"Content-Length: 0", with("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"), 101, ""},
	})
	// The same behind net/http.
	for _, d := range []door{attached, handed} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, nil)
		for field, body := range map[string]string{"Content-Length: 14": frame, "Transfer-Encoding: chunked": "e\r\n" + frame + "\r\n0\r\n\r\n"} {
			p := s.dial()
			p.write([]byte(ask("/", field) + body))
			p.refused(400)
		}
	}
}

func TestHostile7Syntax(t *testing.T) {
	attempts(t, nil, []attempt{
		{"bare line feed", strings.ReplaceAll(ask("/"), "\r\n", "\n"), 400, ""},
		{"one bare line feed", with("weir.test\r\n", "weir.test\n"), 400, ""},
		{"bare carriage return", with("weir.test\r\n", "weir.test\r"), 400, ""},
		{"folded", with("weir.test\r\n", "weir.test\r\nX: a\r\n b\r\n"), 400, ""},
		{"NUL", with("weir.test\r\n", "weir.test\r\nX: a\x00b\r\n"), 400, ""},
		{"space before the colon", with("weir.test\r\n", "weir.test\r\nX : a\r\n"), 400, ""},
		{"space before the name", with("\r\nHost", "\r\n X: a\r\nHost"), 400, ""},
		{"no token", with("weir.test\r\n", "weir.test\r\nX(: a\r\n"), 400, ""},
		{"no name", with("weir.test\r\n", "weir.test\r\n: a\r\n"), 400, ""},
		{"no colon", with("weir.test\r\n", "weir.test\r\nXa\r\n"), 400, ""},
		{"tab and 8 bits in a value", with("weir.test\r\n", "weir.test\r\nX:\ta\t\xfc \r\n"), 101, ""},
	})
}

func TestHostile8Limits(t *testing.T) {
	fields := func(n int) string { return strings.Repeat("X: a\r\n", n) }
	at := func(n int) string { // a request of n bytes
		head := with("weir.test\r\n", "weir.test\r\nX: \r\n")
		return strings.Replace(head, "X: ", "X: "+strings.Repeat("a", n-len(head)), 1)
	}
	attempts(t, nil, []attempt{
		{"64 fields", with("Host", fields(59)+"Host"), 101, ""},
		{"65 fields", with("Host", fields(60)+"Host"), 431, ""},
		{"8192 bytes", at(8192), 101, ""},
		{"8193 bytes", at(8193), 431, ""},
		{"8193 bytes without an end", at(8300)[:8193], 431, ""},
		{"65 fields without an end", "GET / HTTP/1.1\r\n" + fields(65), 431, ""},
		{"a line of 64 KB", "GET /" + strings.Repeat("a", 64<<10), 431, ""},
	})
}

// The limits of a head are options, and can be turned off.
func TestMaxHead(t *testing.T) {
	fields := func(n int) string { return with("Host", strings.Repeat("X: a\r\n", n-5)+"Host") }
	field := func(n int) string { return with("Host", "X: "+strings.Repeat("a", n)+"\r\nHost") }
	attempts(t, &Options{MaxHeadBytes: 1000, MaxHeadFields: 10}, []attempt{
		{"10 fields", fields(10), 101, ""},
		{"11 fields", fields(11), 431, ""},
		{"700 bytes", field(700), 101, ""},
		{"1000 bytes and more", field(1000), 431, ""},
	})
	attempts(t, &Options{MaxHeadBytes: 100_000, MaxHeadFields: -1}, []attempt{
		{"1000 fields", fields(1000), 101, ""},
		{"90 KB", field(90_000), 101, ""},
		{"100 KB and more", field(100_000), 431, ""},
	})
	attempts(t, &Options{MaxHeadBytes: -1}, []attempt{
		{"65 fields", fields(65), 431, ""},
		{"1 MB", field(1_000_000), 101, ""},
	})
}

// Those of an answer are the Client's.
func TestMaxHeadOfAnswer(t *testing.T) {
	s := usual.serve(t, Handler{Upgrade: func(r *Request) (any, error) {
		r.ResponseHeader().Set("X-Long", strings.Repeat("a", 50_000))
		return nil, nil
	}}, nil)
	for limit, want := range map[int]bool{0: false, 40_000: false, 60_000: true, -1: true} {
		cl := usual.client(t, Handler{}, &Options{MaxHeadBytes: limit})
		c, err := cl.Dial(t.Context(), "ws://"+s.addr, nil)
		if (err == nil) != want {
			t.Errorf("MaxHeadBytes %d: %v", limit, err)
		}
		if err == nil {
			c.CloseNow()
		}
	}
}

func TestHostile9Origin(t *testing.T) {
	origin := func(o string) string { return ask("/", "Origin: "+o) }
	attempts(t, nil, []attempt{
		{"absent", ask("/"), 101, ""},
		{"own", origin("http://weir.test"), 101, ""},
		{"own with a port", origin("http://weir.test:80"), 101, ""},
		{"foreign", origin("http://evil.test"), 403, ""},
		{"null", origin("null"), 403, ""},
		{"suffix", origin("http://weir.test.evil"), 403, ""},
		{"prefix", origin("http://evilweir.test"), 403, ""},
		{"user", origin("http://weir.test@evil.test"), 403, ""},
		{"path", origin("http://evil.test/weir.test"), 403, ""},
		{"other port", origin("http://weir.test:8080"), 403, ""},
		{"empty", origin(""), 403, ""},
		{"two", ask("/", "Origin: http://weir.test", "Origin: http://evil.test"), 400, ""},
		{"foreign and no Upgrade", strings.Replace(origin("http://evil.test"), "Sec-WebSocket-Key: ", "X: ", 1), 400, ""},
	})
	attempts(t, &Options{Origins: []string{"https://a.test", "b.test", "*.c.test"}}, []attempt{
		{"own", origin("http://weir.test"), 101, ""},
		{"listed with its scheme", origin("https://a.test"), 101, ""},
		{"listed with another scheme", origin("http://a.test"), 403, ""},
		{"listed host", origin("http://b.test"), 101, ""},
		{"listed subdomain", origin("https://x.c.test"), 101, ""},
		{"not the domain itself", origin("https://c.test"), 403, ""},
		{"foreign", origin("https://evil.test"), 403, ""},
	})
	attempts(t, &Options{Origins: []string{"*"}}, []attempt{
		{"any", origin("http://evil.test"), 101, ""},
		{"null", origin("null"), 101, ""},
	})
	// The same behind net/http.
	for _, d := range []door{attached, handed} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, nil)
		p := s.dial()
		p.write([]byte(origin("http://evil.test")))
		p.refused(403)
		p = s.dial()
		p.shake("/", "Origin: http://weir.test")
		p.closing()
	}
}

// Without Compression what is offered is declined, whatever it is.
func TestHostile10Extensions(t *testing.T) {
	s := usual.serve(t, echo, nil)
	for _, v := range []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", `a; b="\c` + strings.Repeat("x", 7000), `x; y="`, `x; y=",permessage-deflate;"`,
		strings.Repeat("x,", 500), "permessage-deflate; server_max_window_bits=7", ";;,,",
	} {
		p := s.dial()
		p.write([]byte(ask("/", "Sec-WebSocket-Extensions: "+v)))
		r := p.answer()
		switch r.StatusCode {
		case 101:
			if got := r.Header.Values("Sec-WebSocket-Extensions"); len(got) != 0 {
				t.Errorf("%.40q is answered with %q", v, got)
			}
			p.sendText("x")
			p.wantText("x")
			p.closing()
		case 400:
		default:
			t.Errorf("%.40q is answered with %d", v, r.StatusCode)
		}
	}
}

func TestHostile13Subprotocol(t *testing.T) {
	o := &Options{Subprotocols: []string{"chat"}}
	offer := func(p string) string { return ask("/", "Sec-WebSocket-Protocol: "+p) }
	attempts(t, o, []attempt{
		{"good", offer("chat"), 101, ""},
		{"8 bits", offer("ch\xfct"), 400, ""},
		{"carriage return", offer("ch\rat"), 400, ""},
		{"empty", offer(""), 400, ""},
		{"empty element", offer("chat,,x"), 400, ""},
		{"spaces", offer(strings.Repeat(" ", 7000)), 400, ""},
		{"separator", offer("a/b"), 400, ""},
		{"twice", offer("chat, chat"), 400, ""},
	})
	s := usual.serve(t, echo, o)
	for _, name := range []string{"constructor", "__proto__", "Chat"} {
		p := s.dial()
		if got := p.shake("/", "Sec-WebSocket-Protocol: "+name).Header.Values("Sec-WebSocket-Protocol"); len(got) != 0 {
			t.Errorf("%q is answered with %q", name, got)
		}
		p.closing()
	}
}

// A request byte by byte, and cut at every place, with many others that never go on. (The time is that of a script.)
func TestHostile15CutRequest(t *testing.T) {
	for _, streams := range []bool{false, true} {
		r := rig{loops: 1, door: listened, streams: streams}
		s := r.serve(t, echo, nil)
		head := ask("/")
		for i := 1; i < len(head); i += 3 {
			p := s.dial()
			p.write([]byte(head[:i]))
			p.write([]byte(head[i:]))
			p.accepted()
			p.closing()
		}
		p := s.dial()
		for i := range head {
			p.write([]byte(head[i : i+1]))
		}
		p.accepted()
		p.closing()
	}
}

// Many frames in the segment of the request are processed in order.
func TestHostile16FramesWithRequest(t *testing.T) {
	eachRig(t, func(t *testing.T, r rig) {
		s := r.serve(t, echo, nil)
		p := s.dial()
		p.write(append([]byte(ask("/")), numbered(300)...))
		p.accepted()
		for i := range 300 {
			p.wantText(fmt.Sprint(i))
		}
		p.closing()
	})
}

// A second request behind one that was refused is not parsed.
func TestHostile17PipelinedRequest(t *testing.T) {
	for _, o := range []*Options{nil, {HTTP: site}} {
		s := usual.serve(t, echo, o)
		p := s.dial()
		p.write([]byte(with(sampleKey, "bad") + ask("/")))
		p.refused(400)
		if m := s.Metrics(); m.Upgraded != 0 {
			t.Error("the second request was served")
		}
	}
}

// Connections that say nothing, or half of a request, hold no goroutine on the reactor, hardly any memory, and hinder
// nobody.
func TestHostile14Silent(t *testing.T) {
	const n = 300
	for _, r := range bothEnds() {
		if r.tls {
			continue // TestHostile14SilentTLS
		}
		s := r.serve(t, echo, &Options{MaxUpgradeTime: time.Hour})
		s.open().closing() // whatever is started once is there
		s.idle()
		before := runtime.NumGoroutine()
		for i := range n {
			p := s.dial()
			if i%2 == 0 {
				p.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n"))
			}
		}
		eventually(t, "all are there", func() bool { return s.Metrics().Sockets == n && pool.Outstanding() >= n/2 })
		if now := runtime.NumGoroutine(); now > before && r.backEnd() == "reactor" {
			t.Errorf("%d goroutines, were %d", now, before)
		}
		if held := s.Metrics().Memory; held > n*4<<10 {
			t.Errorf("%d connections hold %d bytes", n, held)
		}
		witnesses(s).alive(t)
	}
}

// A peer that reads nothing of the refusal is cut off all the same; one that goes on sending is not answered.
func TestHostile17RefusedAndLoud(t *testing.T) {
	s := usual.serve(t, echo, &Options{CloseTimeout: 10 * time.Second})
	p := s.dial()
	p.write([]byte("no request\r\n\r\n"))
	// More than lingerBytes: the server gives up.
	junk := make([]byte, 1<<16)
	for {
		if _, err := p.nc.Write(junk); err != nil {
			break
		}
	}
	s.idle()
	_, _ = io.Copy(io.Discard, p.nc)
}
