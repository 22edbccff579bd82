package engine

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// leading is a server of net/http that answers /away?to=URL with a redirect there, and all else as the Server does.
func leading(s http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	for path, status := range map[string]int{"/301": 301, "/302": 302, "/303": 303, "/307": 307, "/308": 308, "/300": 300} {
		mux.Handle(path, http.RedirectHandler("/end", status))
	}
	mux.HandleFunc("/304", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) })
	mux.HandleFunc("/nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) })
	return mux
}

func away(base, to string) string { return base + "/away?to=" + url.QueryEscape(to) }

func TestRedirect(t *testing.T) {
	eachMode(t, func(t *testing.T, r rig) {
		hs := httptest.NewServer(leading(r.make(t, greeter, nil)))
		t.Cleanup(hs.Close)
		cl, got := r.greeted(t)
		host := hs.Listener.Addr().String()
		for _, path := range []string{"/301", "/302", "/303", "/307", "/308"} {
			if _, err := cl.Dial(context.Background(), hs.URL+path, &DialOptions{MaxRedirects: 1}); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if g := within(t, "a greeting", got); g != host+" /end : " {
				t.Errorf("%s: the server got %q", path, g)
			}
			_, err := cl.Dial(context.Background(), hs.URL+path, nil)
			var refused *DialError
			if !errors.As(err, &refused) || refused.Header.Get("Location") != "/end" || strings.Contains(err.Error(), "stopped") {
				t.Errorf("not asked for: %v", err)
			}
		}
		for _, path := range []string{"/300", "/304", "/nowhere"} {
			_, err := cl.Dial(context.Background(), hs.URL+path, &DialOptions{MaxRedirects: 1})
			var refused *DialError
			if !errors.As(err, &refused) || refused.Status != 300 && refused.Status != 304 && refused.Status != 302 {
				t.Errorf("%s: got %v", path, err)
			}
		}
	})
}

// A loop ends at MaxRedirects, with the last answer.
func TestRedirectLoop(t *testing.T) {
	n := 0
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}))
	defer hs.Close()
	cl := usual.client(t, Handler{}, nil)
	_, err := cl.Dial(context.Background(), hs.URL+"/x", &DialOptions{MaxRedirects: 10})
	var refused *DialError
	if !errors.As(err, &refused) || refused.Status != 302 || len(refused.Body) == 0 || n != 11 || !strings.Contains(err.Error(), "stopped after 10 redirects") {
		t.Errorf("after %d requests: %v", n, err)
	}
}

// What is meant for one host is not told to another, nor said aloud after a whisper, and stays dropped.
func TestRedirectSecrets(t *testing.T) {
	plain := httptest.NewServer(leading(usual.make(t, greeter, nil)))
	defer plain.Close()
	other := httptest.NewServer(leading(usual.make(t, greeter, nil)))
	defer other.Close()
	hs, trust := usual.serveTLS(t, leading(usual.make(t, greeter, nil)))
	cl, got := usual.greeted(t)
	authority := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	user := func(s *httptest.Server, scheme string) string { return scheme + "://u:p@" + authority(s) }
	for _, tc := range []struct{ name, url, greeting string }{
		{"same host", away(user(plain, "ws"), "/end"), "sent.test /end u:p c=d"},
		{"same host, whole URL", away(user(plain, "ws"), plain.URL+"/end"), "sent.test /end u:p c=d"},
		{"other port", away(user(plain, "ws"), other.URL+"/end"), authority(other) + " /end : "},
		{"there and back", away(user(plain, "ws"), away(other.URL, plain.URL+"/end")), authority(plain) + " /end : "},
		{"with a user of its own", away(user(plain, "ws"), user(other, "http")+"/end"), authority(other) + " /end u:p "},
		{"from TLS", away(user(hs, "wss"), plain.URL+"/end"), authority(plain) + " /end : "},
		{"into TLS", away(user(plain, "ws"), hs.URL+"/end"), authority(hs) + " /end : "},
		{"within TLS", away(user(hs, "https"), "/end"), "sent.test /end u:p c=d"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{"cookie": {"c=d"}}
			o := &DialOptions{Header: header, Host: "sent.test", TLS: trust, MaxRedirects: 2}
			if _, err := cl.Dial(context.Background(), tc.url, o); err != nil {
				t.Fatal(err)
			}
			if g := within(t, "a greeting", got); g != tc.greeting {
				t.Errorf("the server got %q, want %q", g, tc.greeting)
			}
			if len(header) != 1 || o.Host != "sent.test" {
				t.Error("the caller's options are changed")
			}
		})
	}
}

// From TLS to plain text on the same host: there it is one port that differs, so the two ports that the schemes imply.
func TestRedirectDowngrade(t *testing.T) {
	d := dialing{DialOptions: DialOptions{Header: http.Header{"Cookie": {"c=d"}, "X": {"y"}}}}
	var err error
	if d.at, err = parseEndpoint("wss://u:p@a/"); err != nil {
		t.Fatal(err)
	}
	d.authorize()
	leads := func(to string) *redirection {
		return &redirection{&DialError{Status: 302, Header: http.Header{"Location": {to}}}}
	}
	if err := d.follow(leads("wss://a/b")); err != nil || len(d.Header) != 3 {
		t.Errorf("got %v, %v", d.Header, err)
	}
	if err := d.follow(leads("ws://a/b")); err != nil || len(d.Header) != 1 {
		t.Errorf("got %v, %v", d.Header, err)
	}
}

// Redirect sees where it leads and may add to the header, or end it.
func TestRedirectCallback(t *testing.T) {
	hs := httptest.NewServer(leading(usual.make(t, greeter, nil)))
	defer hs.Close()
	cl, got := usual.greeted(t)
	o := &DialOptions{MaxRedirects: 1, Redirect: func(to *url.URL, h http.Header) error {
		h.Set("Cookie", "for="+to.Path)
		return nil
	}}
	if _, err := cl.Dial(context.Background(), hs.URL+"/302", o); err != nil {
		t.Fatal(err)
	}
	if g := within(t, "a greeting", got); !strings.HasSuffix(g, " for=/end") {
		t.Errorf("the server got %q", g)
	}
	mine := errors.New("mine")
	o.Redirect = func(*url.URL, http.Header) error { return mine }
	if _, err := cl.Dial(context.Background(), hs.URL+"/302", o); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
}

// A server of the network never leads to a socket of the machine; one on a socket may lead along it.
func TestRedirectUnix(t *testing.T) {
	s := rig{loops: 1, door: unixed}.serve(t, greeter, &Options{HTTP: http.RedirectHandler("/end", http.StatusFound)})
	cl, got := usual.greeted(t)
	hs := httptest.NewServer(leading(s))
	defer hs.Close()
	_, err := cl.Dial(context.Background(), away(hs.URL, "ws+unix:"+s.addr+":/end"), &DialOptions{MaxRedirects: 1})
	var refused *DialError
	if !errors.Is(err, errRedirectUnix) || !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	local := rig{loops: 1, door: unixed}.serve(t, Handler{Upgrade: func(r *Request) (any, error) {
		if r.HTTP.URL.Path != "/end" {
			return nil, &Refusal{Status: 302, Header: http.Header{"Location": {"/end?x"}}}
		}
		return "led to " + r.HTTP.RequestURI, nil
	}, Open: greeter.Open}, nil)
	if _, err := cl.Dial(context.Background(), "ws+unix:"+local.addr+":/begin", &DialOptions{MaxRedirects: 1}); err != nil {
		t.Fatal(err)
	}
	if g := within(t, "a greeting", got); g != "led to /end?x" {
		t.Errorf("got %q", g)
	}
}
