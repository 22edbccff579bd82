package operator

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// answering is a server that answers each request the same way, and the last
// request that it got.
func answering(t *testing.T, status int, body string) (*Client, *http.Request) {
	t.Helper()
	last := new(http.Request)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body) // what there is
		*last = *r
		last.Body = io.NopCloser(strings.NewReader(string(text)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // an error is the client's
	}))
	t.Cleanup(s.Close)
	return NewClient(s.URL+"/", "the token", nil), last
}

func TestConns(t *testing.T) {
	c, r := answering(t, 200, `{"conns":[{"id":7,"user":"ann","ip":"10.0.0.1","topics":["a"],"pending_bytes":5,"messages_out":9}],"total":30}`)
	got, total, err := c.Conns(t.Context(), Query{User: "ann", Limit: 5})
	if err != nil || total != 30 || len(got) != 1 || got[0].ID != 7 || got[0].MessagesOut != 9 || got[0].Topics[0] != "a" {
		t.Errorf("got %+v, %d, %v", got, total, err)
	}
	if r.URL.String() != "/api/admin/conns?limit=5&user=ann" || r.Header.Get("Authorization") != "Bearer the token" {
		t.Errorf("got %s, %v", r.URL, r.Header)
	}
}

func TestDrain(t *testing.T) {
	c, r := answering(t, 202, `{"active":true,"total":10,"left":4}`)
	d, err := c.Drain(t.Context(), 30*time.Second)
	body, _ := io.ReadAll(r.Body) // it is in memory
	if err != nil || !d.Active || d.Left != 4 || string(body) != `{"duration":"30s"}` {
		t.Errorf("got %+v, %v, %s", d, err, body)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
		is         error
	}{
		{404, `{"error":"there is no connection 5","code":"no_connection"}`, "there is no connection 5", ErrNoConn},
		{404, `{"error":"there is no connection 5"}`, "there is no connection 5", ErrForeign},
		{404, "<html>", "the answer is 404 Not Found", ErrForeign},
		{502, "<html>", "the answer is 502 Bad Gateway", nil},
	} {
		c, _ := answering(t, test.status, test.body)
		err := c.Kick(t.Context(), 5)
		var refused *StatusError
		if !errors.As(err, &refused) || refused.Status != test.status || err.Error() != test.want {
			t.Errorf("%d: got %v", test.status, err)
		}
		for _, known := range []error{ErrNoConn, ErrForeign} {
			if errors.Is(err, known) != (known == test.is) {
				t.Errorf("%d, %s: that it is %q is wrong", test.status, test.body, known)
			}
		}
	}
	c, _ := answering(t, 200, "hello")
	if _, _, err := c.Topics(t.Context()); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	c, _ = answering(t, 422, `{"applied":[],"error":"no","faults":["weir.yaml:1:1 x"]}`)
	if r, err := c.Reload(t.Context()); err == nil || len(r.Faults) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestReadEvents(t *testing.T) {
	var got []string
	take := func(name string, body []byte) error {
		got = append(got, name+" "+string(body))
		if len(got) == 3 {
			return io.EOF
		}
		return nil
	}
	err := readEvents(strings.NewReader(": hello\nevent: stats\ndata: {\"a\":1}\n\ndata: 2\n\nevent:event\ndata:3\n\ndata: 4\n"), take)
	if want := "stats {\"a\":1}|message 2|event 3"; err != io.EOF || strings.Join(got, "|") != want {
		t.Errorf("got %v, %q, want %q", err, got, want)
	}
	if err := readEvents(strings.NewReader("data: nonsense\n"), take); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
	if err := readEvents(strings.NewReader(""), take); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// FuzzReadEvents: nothing panics, and only JSON comes out.
func FuzzReadEvents(f *testing.F) {
	f.Add("event: stats\ndata: {\"a\":1}\n\n")
	f.Add("data:1\r\n\r\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		_ = readEvents(strings.NewReader(text), func(_ string, body []byte) error { // how it ends is of no interest
			if n++; len(body) > len(text) {
				t.Errorf("%q out of %q", body, text)
			}
			return nil
		})
		if n > strings.Count(text, "data") {
			t.Errorf("%d events out of %q", n, text)
		}
	})
}
