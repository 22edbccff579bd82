package clienttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
)

// nginx starts one, on TLS, that passes /name/ on to the server of that name, and returns what dials it. more is further
// configuration of its server, above what stands beside that. It listens on a Unix socket, which needs no port that is
// free now and perhaps not in a moment.
func nginx(t *testing.T, servers map[string]string, more string, above ...string) engine.DialOptions {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; exec.Command(path, "-v").Run() != nil {
			require(t, "nginx is not here")
		}
	}
	certFile, keyFile, trust := certificate(t)
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	var locations strings.Builder
	for name, addr := range servers {
		fmt.Fprintf(&locations, "location /%s/ { proxy_pass http://%s/; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }\n", name, addr)
	}
	config := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(config, []byte(`
daemon off; master_process off; pid pid; error_log stderr error;
events { worker_connections 100; }
http {
	access_log off;
	client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
	`+strings.Join(above, "\n")+`
	server {
		listen unix:`+socket+` ssl;
		ssl_certificate `+certFile+`; ssl_certificate_key `+keyFile+`;
		`+locations.String()+more+`
	}
}
`), 0o600))
	cmd := exec.Command(path, "-p", dir, "-c", config, "-e", "stderr")
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // killed
	})
	o := engine.DialOptions{TLS: trust, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	for end := time.Now().Add(patience); ; {
		nc, err := o.Dial(context.Background(), "", "")
		if err == nil {
			nc.Close()
			return o
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// Our client, nginx with TLS, and their servers or ours.
func TestNginx(t *testing.T) {
	ours := program{name: "weir"}
	for _, p := range append(programs, ours) {
		t.Run(p.name, func(t *testing.T) {
			addr := ""
			if p.command == nil {
				addr = listen(t, "", "")
			} else {
				addr = p.serve(t)
			}
			talk(t, p, "wss://weir.test/there", nginx(t, map[string]string{"there": addr}, ""))
		})
	}
}

// What nginx answers itself: redirects, refusals, and the question for a password.
func TestNginxAnswers(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwords")
	must(t, os.WriteFile(passwords, []byte("ann:{PLAIN}open sesame\n"), 0o600))
	addr := listen(t, "", "")
	o := nginx(t, map[string]string{"there": addr}, `
		location = /old { return 308 /there/; }
		location = /round { return 302 /round; }
		location = /teapot { return 418 "short and stout"; }
		location = /private {
			auth_basic "x"; auth_basic_user_file `+passwords+`;
			proxy_pass http://`+addr+`; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
		}
	`)
	c := newClient(t, nil)
	hello := func(url string) {
		t.Helper()
		conn := c.dial(url, o)
		must(t, conn.SendText("hello"))
		c.hear(engine.Text, []byte("hello"))
	}
	refused := func(url string, status int) *engine.DialError {
		t.Helper()
		_, err := c.Dial(context.Background(), url, &o)
		var answer *engine.DialError
		if !errors.As(err, &answer) || answer.Status != status {
			t.Fatalf("%s: got %v", url, err)
		}
		return answer
	}
	if r := refused("wss://weir.test/old", 308); !strings.HasSuffix(r.Header.Get("Location"), "/there/") || !strings.Contains(string(r.Body), "308") {
		t.Errorf("got %v, %q", r.Header, r.Body)
	}
	o.MaxRedirects = 2
	hello("wss://weir.test/old")
	refused("wss://weir.test/round", 302)
	if r := refused("wss://weir.test/teapot", 418); string(r.Body) != "short and stout" {
		t.Errorf("got %q", r.Body)
	}
	refused("wss://weir.test/private", 401)
	refused("wss://ann:wrong@weir.test/private", 401)
	hello("wss://ann:open%20sesame@weir.test/private")
	refused("wss://weir.test/there/refused", 403)
}

// A connection that nginx keeps to a server of ours, plain or with TLS, answers requests of plain HTTP one after the other,
// and then an upgrade.
func TestNginxKeepsConnections(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			plain, upgraded := make(chan string, 10), make(chan string, 10)
			o := options()
			o.HTTP = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				plain <- r.RemoteAddr
				fmt.Fprintf(w, "plain %v", r.TLS != nil)
			})
			h := answers
			choose := h.Upgrade
			h.Upgrade = func(r *engine.Request) (any, error) {
				upgraded <- r.RemoteAddr.String()
				return choose(r)
			}
			certFile, keyFile := "", ""
			if scheme == "https" {
				certFile, keyFile, _ = certificate(t)
			}
			front := nginx(t, nil, `location / {
				proxy_pass `+scheme+`://kept; proxy_http_version 1.1;
				proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $ours;
			}`, `upstream kept { server `+listenAs(t, h, o, certFile, keyFile)+`; keepalive 4; }`,
				`map $http_upgrade $ours { default upgrade; '' ''; }`)
			transport := &http.Transport{TLSClientConfig: front.TLS, DialContext: front.Dial}
			t.Cleanup(transport.CloseIdleConnections)
			kept := ""
			for range 3 {
				answer, err := (&http.Client{Transport: transport}).Get("https://weir.test/page")
				must(t, err)
				body, err := io.ReadAll(answer.Body)
				must(t, err)
				answer.Body.Close()
				if want := fmt.Sprintf("plain %v", scheme == "https"); answer.StatusCode != http.StatusOK || string(body) != want {
					t.Fatalf("got %s, %q, want %q", answer.Status, body, want)
				}
				from := <-plain
				if kept != "" && from != kept {
					t.Errorf("a request came from %s, and the one before from %s", from, kept)
				}
				kept = from
			}
			c := newClient(t, nil)
			conn := c.dial("wss://weir.test/", front)
			if from := <-upgraded; from != kept {
				t.Errorf("the upgrade came from %s, and the requests from %s", from, kept)
			}
			must(t, conn.SendText("hello"))
			c.hear(engine.Text, []byte("hello"))
		})
	}
}
