package codec

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAppendRefusal(t *testing.T) {
	got := string(AppendRefusal([]byte("-"), &Refusal{Status: 405, Header: http.Header{"Allow": {"GET"}}, Body: "no"}))
	want := "-HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nAllow: GET\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nno"
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// Whatever an embedder puts in, net/http reads one answer, as long as it says.
func TestAppendRefusalIsOneAnswer(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Refusal
		want int
	}{
		{"empty", Refusal{Status: 403}, 403},
		{"unknown status", Refusal{Status: 499, Body: "x"}, 499},
		{"redirect", Refusal{Status: 302, Header: http.Header{"Location": {"/elsewhere"}}}, 302},
		{"no status", Refusal{}, 500},
		{"a status that is no refusal", Refusal{Status: 101}, 500},
		{"no content", Refusal{Status: 204, Body: "x"}, 500},
		{"too large", Refusal{Status: 600}, 500},
		{"line breaks", Refusal{Status: 400, Header: http.Header{"X": {"a\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"}}, Body: "body"}, 400},
		{"framing", Refusal{Status: 400, Header: http.Header{"Content-Length": {"99"}, "Transfer-Encoding": {"chunked"}, "connection": {"keep-alive"}}, Body: "body"}, 400},
		{"bad names", Refusal{Status: 400, Header: http.Header{"": {"a"}, "X Y": {"a"}, "X\r\nY": {"a"}}, Body: "body"}, 400},
		{"another type", Refusal{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: "{}"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := AppendRefusal(nil, &c.r)
			rest := bufio.NewReader(strings.NewReader(string(b)))
			resp, err := http.ReadResponse(rest, nil)
			if err != nil {
				t.Fatalf("%q: %v", b, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || string(body) != c.r.Body || resp.StatusCode != c.want || !resp.Close {
				t.Fatalf("got %d, close %v, body %q, %v", resp.StatusCode, resp.Close, body, err)
			}
			if rest.Buffered() != 0 || len(resp.Header["Content-Type"]) > 1 {
				t.Fatalf("%d bytes are left of %q", rest.Buffered(), b)
			}
		})
	}
}

func TestRefusalError(t *testing.T) {
	err := refuse(400, "there is no Host")
	if got := err.Error(); !strings.Contains(got, "codec: ") || !strings.Contains(got, "400") || !strings.Contains(got, "no Host") {
		t.Fatalf("got %q", got)
	}
}

// The caller may change what it got: the next one is not the same value.
func TestRefusalsAreNotShared(t *testing.T) {
	var r Request
	head := with(t, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12")
	if _, err := r.Parse([]byte(head), Limits{}); err != nil {
		t.Fatal(err)
	}
	_, first := refused(t, r.CheckUpgrade())
	first.Header.Set("Sec-WebSocket-Version", "changed")
	if _, second := refused(t, r.CheckUpgrade()); second.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Fatal("the change came back")
	}
	if answer := string(AppendRefusal(nil, first)); !strings.Contains(answer, "Connection: upgrade, close\r\n") {
		t.Fatalf("got %q", answer)
	}
}
