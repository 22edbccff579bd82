package clienttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// freeAddr is an address of this machine that nobody listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// written is the path of a file with that text.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// behind starts a weir serve that believes proxies of this machine.
func behind(t *testing.T, listen string) (p *weirtest.Process, host, admin string) {
	t.Helper()
	config := written(t, "weir.yaml", `listen: {addr: "127.0.0.1:0", trusted_proxies: [127.0.0.1], `+listen+`}
admin: {addr: "127.0.0.1:0"}
auth: {anonymous: {subscribe: ["*"]}}
limits: {keep_alive: 1s}
drain: {delay: 0s, duration: 0s}
log: {level: debug}
`)
	p = weirtest.Start(t, "serve", "-c", config)
	return p, p.Stdout(`WebSocket +ws://([^/]+)/`)[1], p.Stdout(`Dashboard +http://([^/]+)/`)[1]
}

// proxy runs a proxy until the test ends.
func proxy(t *testing.T, addr string, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // killed, nginx would leave its workers behind
		_ = cmd.Wait()                          // it was told to end
	})
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		nc, err := net.Dial("tcp", addr)
		if err == nil {
			nc.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen: %v", cmd.Path, err)
		}
	}
}

// TestProxies: behind HAProxy and nginx the client's address is right for
// operators and in logs, and a connection that is idle for longer than the
// proxy's patience lives by its pings.
func TestProxies(t *testing.T) {
	for _, test := range []struct {
		name, listen string
		start        func(t *testing.T, addr, backend string)
	}{
		{"haproxy", "proxy_protocol: true", func(t *testing.T, addr, backend string) {
			proxy(t, addr, exec.Command(look(t, "haproxy"), "-db", "-f", written(t, "haproxy.cfg", fmt.Sprintf(`
defaults
  mode http
  timeout connect 5s
  timeout client 3s
  timeout server 3s
  timeout tunnel 3s
frontend web
  bind %s
  default_backend weir
backend weir
  server one %s send-proxy-v2
`, addr, backend))))
		}},
		{"nginx", "proxy_protocol: false", func(t *testing.T, addr, backend string) {
			dir := t.TempDir()
			proxy(t, addr, exec.Command(look(t, "nginx"), "-p", dir, "-e", "stderr", "-c", written(t, "nginx.conf", fmt.Sprintf(`
daemon off;
pid %s/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
  server {
    listen %s;
    location / {
      proxy_pass http://%s;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 3s;
    }
  }
}
`, dir, dir, dir, dir, dir, dir, addr, backend))))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			look(t, test.name)
			weir, host, admin := behind(t, test.listen)
			addr := freeAddr(t)
			test.start(t, addr, host)
			client, err := engine.NewClient(engine.Handler{}, &engine.Options{Loops: 1, KeepAlive: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
			c, err := client.Dial(context.Background(), "ws://"+addr+"/ws?topic=a", &engine.DialOptions{Dial: from.DialContext})
			if err != nil {
				t.Fatal(err)
			}
			weir.Stderr(`"a client came".*"remote":"127\.0\.0\.77[:"]`)
			answer, err := http.Get("http://" + admin + "/api/admin/conns?ip=127.0.0.77")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var found struct{ Conns []struct{ IP string } }
			if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
				t.Fatal(err)
			}
			if len(found.Conns) != 1 || found.Conns[0].IP != "127.0.0.77" {
				t.Errorf("operators see %+v", found.Conns)
			}
			time.Sleep(4 * time.Second) // longer than the proxy waits for a byte
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := c.RoundTrip(ctx); err != nil {
				t.Errorf("the idle connection is gone: %v", err)
			}
		})
	}
}
