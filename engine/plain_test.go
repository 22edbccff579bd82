package engine

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// site is a program's plain HTTP beside its WebSockets.
var site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %q", r.Method, r.URL, body)
})

// get sends a plain request and returns the answer's body.
func (p *peer) get(head, body string) (int, string) {
	p.t.Helper()
	p.write([]byte(head + "\r\n\r\n" + body))
	return p.read()
}

func (p *peer) read() (int, string) {
	p.t.Helper()
	r, err := http.ReadResponse(p.br, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// Plain requests on the same port, then an upgrade on the same connection.
func TestPlainHTTP(t *testing.T) {
	for _, r := range []rig{{loops: 1, door: listened}, {loops: 2, door: unixed, inline: true}, {loops: 1, door: listened, streams: true}, {loops: 1, door: attached}} {
		t.Run(r.String(), func(t *testing.T) {
			s := r.serve(t, echo, &Options{HTTP: site})
			p := s.dial()
			if code, body := p.get("GET /a HTTP/1.1\r\nHost: a", ""); code != 200 || body != `GET /a ""` {
				t.Fatalf("got %d %q", code, body)
			}
			big := strings.Repeat("x", 20_000) // the loop has read a part of it
			if code, body := p.get("POST /b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 20000", big); code != 200 || body != `POST /b?c "`+big+`"` {
				t.Fatalf("got %d %.80q", code, body)
			}
			// Two at once, then the upgrade with its first frame.
			p.write([]byte("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n" + ask("/ws") + string(maskedFrame(0x81, []byte("early")))))
			for _, want := range []string{`GET /1 ""`, `GET /2 ""`} {
				if code, body := p.read(); code != 200 || body != want {
					t.Fatalf("got %d %q", code, body)
				}
			}
			p.accepted()
			p.wantText("early")
			p.sendText("on the loop again")
			p.wantText("on the loop again")
			p.closing()
			// The connection that began as a WebSocket's is not concerned.
			s.open().closing()
			eventually(t, "none is left", func() bool { return s.plain == nil || s.plain.open.Load() == 0 })
		})
	}
}

// Without Options.HTTP a plain request is told what this is.
func TestPlainHTTPWithout(t *testing.T) {
	for _, d := range []door{listened, attached, handed} {
		r := rig{loops: 1, door: d}
		s := r.serve(t, echo, nil)
		p := s.dial()
		p.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if got := p.refused(426).Header.Get("Upgrade"); got != "websocket" {
			t.Errorf("%s: Upgrade is %q", d, got)
		}
		s.Close()
	}
}

// A refused upgrade on a connection that began with plain requests.
func TestPlainHTTPThenRefusal(t *testing.T) {
	s := usual.serve(t, Handler{Upgrade: func(*Request) (any, error) { return nil, &Refusal{Status: 402} }}, &Options{HTTP: site})
	p := s.dial()
	p.get("GET / HTTP/1.1\r\nHost: a", "")
	p.write([]byte(ask("/")))
	p.refused(402)
}

// The panic of a plain handler is net/http's to contain.
func TestPlainHTTPPanic(t *testing.T) {
	s := usual.serve(t, echo, &Options{HTTP: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("plain") })})
	witness := s.open()
	p := s.dial()
	p.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	p.gone()
	witness.sendText("x")
	witness.wantText("x")
	witness.closing()
}

// Close ends plain connections too, whatever they do, and those that come at that moment.
func TestPlainHTTPClose(t *testing.T) {
	for range 10 {
		started := make(chan bool, 1000)
		s := usual.serve(t, echo, &Options{HTTP: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			started <- true
			<-r.Context().Done()
		})})
		var all sync.WaitGroup
		for range 20 {
			p := s.dial()
			all.Go(func() {
				_, _ = p.nc.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
				_, _ = io.Copy(io.Discard, p.nc)
			})
		}
		within(t, "a request", started)
		s.Close()
		all.Wait()
	}
}

// Beyond the bound plain requests are refused; there is room again when one has gone.
func TestPlainHTTPBound(t *testing.T) {
	s := usual.serve(t, echo, &Options{HTTP: site})
	p := s.dial()
	p.get("GET / HTTP/1.1\r\nHost: a", "")
	s.plain.open.Add(maxPlainConns - 1)
	q := s.dial()
	q.write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	q.refused(503)
	s.plain.open.Add(1 - maxPlainConns)
	q = s.dial()
	if code, _ := q.get("GET / HTTP/1.1\r\nHost: a", ""); code != 200 {
		t.Errorf("got %d", code)
	}
}

// The head comes in pieces, and so do the body and the next request.
func TestPlainHTTPInPieces(t *testing.T) {
	s := usual.serve(t, echo, &Options{HTTP: site})
	p := s.dial()
	for _, c := range []byte("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /q HTTP/1.1\r\nHost: a\r\n\r\n") {
		p.write([]byte{c})
	}
	br := bufio.NewReader(p.nc)
	for _, want := range []string{`POST /p "abc"`, `GET /q ""`} {
		r, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(r.Body); string(b) != want {
			t.Errorf("got %q, want %q", b, want)
		}
	}
}
