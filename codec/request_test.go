package codec

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

const (
	// The key and its answer are those of RFC 6455, 1.3.
	goodKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	goodAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

	goodRequest = "GET /chat?topic=a&b=%20 HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + goodKey + "\r\nOrigin: http://server.example.com\r\n" +
		"Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

// with returns goodRequest with old replaced; it fails when old is not there.
func with(t testing.TB, old, new string) string {
	t.Helper()
	if strings.Count(goodRequest, old) != 1 {
		t.Fatalf("%q is not once in the good request", old)
	}
	return strings.Replace(goodRequest, old, new, 1)
}

// shake parses head, scanned in pieces of step bytes first (0: whole), and
// checks the upgrade. It returns the status: 101, or that of the refusal, or 0
// when more is needed.
func shake(t testing.TB, head string, step int, lim Limits) (status int, refusal *Refusal) {
	t.Helper()
	var s HeadScan
	if step == 0 {
		step = max(1, len(head))
	}
	n, seen := 0, 0
	for seen < len(head) && n == 0 {
		seen = min(seen+step, len(head))
		var err error
		if n, err = s.Scan([]byte(head[:seen]), lim); err != nil {
			return refused(t, err)
		}
	}
	var r Request
	m, err := r.Parse([]byte(head[:seen]), lim)
	if err != nil {
		return refused(t, err)
	}
	if m != n {
		t.Fatalf("Scan found %d bytes, Parse %d", n, m)
	}
	if n == 0 {
		return 0, nil
	}
	if err := r.CheckUpgrade(); err != nil {
		return refused(t, err)
	}
	return 101, nil
}

func refused(t testing.TB, err error) (int, *Refusal) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Status < 400 || r.Body == "" {
		t.Fatalf("error %v (%T) is no refusal", err, err)
	}
	return r.Status, r
}

// mustShake checks the status that head gets, whole and in pieces.
func mustShake(t *testing.T, head string, want int) *Refusal {
	t.Helper()
	got, refusal := shake(t, head, 0, Limits{})
	if got != want {
		t.Fatalf("got %d (%v), want %d, for %.300q", got, refusal, want, head)
	}
	for _, step := range []int{1, 2, 7, 1000} {
		if again, r := shake(t, head, step, Limits{}); again != got {
			t.Fatalf("in pieces of %d: got %d (%v), want %d, for %.300q", step, again, r, got, head)
		}
	}
	return refusal
}

func TestRequestParse(t *testing.T) {
	var r Request
	in := []byte(goodRequest + "\x81\x80first frame")
	n, err := r.Parse(in, Limits{})
	if err != nil || n != len(goodRequest) {
		t.Fatalf("got %d, %v, want %d", n, err, len(goodRequest))
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"Method", r.Method, "GET"}, {"Target", r.Target, "/chat?topic=a&b=%20"}, {"Path", r.Path, "/chat"},
		{"RawQuery", r.RawQuery, "topic=a&b=%20"}, {"Proto", r.Proto, "HTTP/1.1"}, {"Host", r.Host, "server.example.com"},
		{"Key", r.Key, goodKey}, {"Origin", r.Origin, "http://server.example.com"},
		{"Get", r.Get("sec-websocket-PROTOCOL"), "chat, superchat"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
	if r.Minor != 1 || len(r.Fields) != 7 || !r.IsUpgrade() || r.Get("Cookie") != nil {
		t.Errorf("got minor %d, %d fields, upgrade %v", r.Minor, len(r.Fields), r.IsUpgrade())
	}
	if !r.HasToken("Connection", "upgrade") || r.HasToken("Connection", "close") || r.HasToken("Cookie", "") {
		t.Error("HasToken is wrong")
	}
	// The Request can be used again, and nothing of the last one stays.
	plain := "GET / HTTP/1.0\r\n\r\n"
	if n, err := r.Parse([]byte(plain), Limits{}); n != len(plain) || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	if r.Key != nil || r.Origin != nil || r.Host != nil || r.RawQuery != nil || len(r.Fields) != 0 || r.IsUpgrade() || r.Minor != 0 {
		t.Errorf("something stayed: %+v", r)
	}
}

func TestRequestValues(t *testing.T) {
	var r Request
	head := "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a:2\r\nX-B: 3\r\nX-A: \t 4 \t\r\nX-A:\r\n\r\n"
	if _, err := r.Parse([]byte(head), Limits{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for v := range r.Values("X-A") {
		got = append(got, string(v))
	}
	if want := []string{"1", "2", "4", ""}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for range r.Values("X-A") {
		break
	}
}

func TestRequestIsUpgrade(t *testing.T) {
	for _, c := range []struct {
		name, head string
		want       bool
	}{
		{"good", goodRequest, true},
		{"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"keep-alive", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", false},
		{"h2c", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false},
		{"only Upgrade", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n", true},
		{"only a key", "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\n\r\n", true},
		{"a post with Upgrade", "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Request
			if _, err := r.Parse([]byte(c.head), Limits{}); err != nil {
				t.Fatal(err)
			}
			if got := r.IsUpgrade(); got != c.want {
				t.Fatalf("got %v, want %v", got, c.want)
			}
		})
	}
}

// upgradeByGobwas runs gobwas/ws on head in memory.
func upgradeByGobwas(head string) (ws.Handshake, string, error) {
	var out bytes.Buffer
	u := ws.Upgrader{ReadBufferSize: 1 << 14, Protocol: func(p []byte) bool { return string(p) == "superchat" }}
	hs, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(head), &out})
	return hs, out.String(), err
}

// The answers to a good request are the same, byte for byte but for their
// order.
func TestUpgradeAsGobwas(t *testing.T) {
	for _, head := range []string{
		goodRequest,
		with(t, "Origin: http://server.example.com\r\n", ""),
		with(t, "Sec-WebSocket-Protocol: chat, superchat\r\n", ""),
		with(t, "Connection: Upgrade", "Connection: keep-alive, Upgrade"),
	} {
		hs, want, err := upgradeByGobwas(head)
		if err != nil {
			t.Fatal(err)
		}
		var r Request
		if _, err := r.Parse([]byte(head), Limits{}); err != nil {
			t.Fatal(err)
		}
		if err := r.CheckUpgrade(); err != nil {
			t.Fatal(err)
		}
		protocol := r.SelectSubprotocol([]string{"superchat"})
		if protocol != hs.Protocol {
			t.Fatalf("got subprotocol %q, want %q", protocol, hs.Protocol)
		}
		got, err := AppendUpgrade(nil, r.Key, protocol, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := headerOf(t, string(got)), headerOf(t, want); !reflect.DeepEqual(a, b) {
			t.Fatalf("got %v, want %v", a, b)
		}
	}
}

func headerOf(t *testing.T, answer string) http.Header {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%q: %v", answer, err)
	}
	return resp.Header
}
