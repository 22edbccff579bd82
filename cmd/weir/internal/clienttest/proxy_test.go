package clienttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// behind starts a weir serve that believes proxies of this machine.
func behind(t *testing.T, listen, keepAlive string) *weirtest.Server {
	t.Helper()
	return weirtest.ServeFile(t, weirtest.File(t, "weir.yaml", `listen: {addr: "127.0.0.1:0", trusted_proxies: [127.0.0.1], `+listen+`}
admin: {addr: "127.0.0.1:0"}
auth: {anonymous: {subscribe: ["*"]}}
limits: {keep_alive: `+keepAlive+`}
drain: {delay: 0s, duration: 0s}
log: {level: debug}
`))
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
// proxy's patience lives by its pings, and only by them.
func TestProxies(t *testing.T) {
	for _, test := range []struct {
		name, listen string
		start        func(t *testing.T, addr, backend string)
	}{
		{"haproxy", "proxy_protocol: true", func(t *testing.T, addr, backend string) {
			proxy(t, addr, exec.Command(look(t, "haproxy"), "-db", "-f", weirtest.File(t, "haproxy.cfg", fmt.Sprintf(`
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
			proxy(t, addr, exec.Command(look(t, "nginx"), "-p", dir, "-e", "stderr", "-c", weirtest.File(t, "nginx.conf", fmt.Sprintf(`
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
			weir, addr := behind(t, test.listen, "1s"), weirtest.FreeAddr(t)
			test.start(t, addr, weir.Host)
			c := idle(t, addr)
			weir.Stderr(`"a client came".*"remote":"127\.0\.0\.77[:"]`)
			_, text := weir.Operators("/api/admin/conns?ip=127.0.0.77")
			var found struct{ Conns []struct{ IP string } }
			if err := json.Unmarshal([]byte(text), &found); err != nil {
				t.Fatal(err)
			}
			if len(found.Conns) != 1 || found.Conns[0].IP != "127.0.0.77" {
				t.Errorf("operators see %+v", found.Conns)
			}
			for n := range 5 { // a second apart: more than the proxy waits for a byte
				select {
				case <-c.pings:
				case <-c.closed:
					t.Fatalf("the idle connection is gone after %d pings", n)
				case <-time.After(patience):
					t.Fatal("there are no pings")
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := c.RoundTrip(ctx); err != nil {
				t.Errorf("the idle connection is gone: %v", err)
			}

			// It is the pings that it lives by.
			silent, addr := behind(t, test.listen, "1h"), weirtest.FreeAddr(t)
			test.start(t, addr, silent.Host)
			select {
			case <-idle(t, addr).closed:
			case <-time.After(patience):
				t.Error("without pings the proxy leaves a connection alone, too")
			}
		})
	}
}

// idler is a client that says nothing.
type idler struct {
	*engine.Conn
	pings, closed chan struct{}
}

// idle connects to a proxy from 127.0.0.77.
func idle(t *testing.T, addr string) idler {
	t.Helper()
	i := idler{pings: make(chan struct{}, 100), closed: make(chan struct{})}
	client, err := engine.NewClient(engine.Handler{
		Ping:  func(*engine.Conn, []byte) { i.pings <- struct{}{} },
		Close: func(*engine.Conn, error) { close(i.closed) },
	}, &engine.Options{Loops: 1, KeepAlive: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
	i.Conn, err = client.Dial(t.Context(), "ws://"+addr+"/ws?topic=a", &engine.DialOptions{Dial: from.DialContext})
	if err != nil {
		t.Fatal(err)
	}
	return i
}
