package main_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// TestEchoTLS: weir echo speaks wss://, weir bench trusts it when told to, and a new certificate is taken.
func TestEchoTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := weirtest.Certificate(t, dir, "first")
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	host := p.Stdout(`weir echo on wss://([^/]+)/`)[1]
	for _, trust := range [][]string{{"--ca", certFile}, {"--insecure"}} {
		got := weirtest.Run(t, "", append([]string{"bench", "echo", "--conns", "4", "--messages", "100", "--warmup", "0", "wss://" + host + "/echo"}, trust...)...)
		if got.Exit != 0 {
			t.Errorf("%v: got %d, %s", trust, got.Exit, got.Stderr)
		}
	}
	if got := weirtest.Run(t, "", "bench", "echo", "--conns", "1", "--messages", "1", "wss://"+host+"/echo"); got.Exit != 1 || !strings.Contains(got.Stderr, "--ca FILE") {
		t.Errorf("without trust: got %d, %s", got.Exit, got.Stderr)
	}
	weirtest.Certificate(t, dir, "second")
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		nc, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		name := nc.ConnectionState().PeerCertificates[0].Subject.CommonName
		nc.Close()
		if name == "second" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the new certificate is not taken")
		}
	}
}

// echoTLS is a weir echo with TLS, and the file of its certificate.
func echoTLS(t *testing.T) (host, certFile string) {
	t.Helper()
	certFile, keyFile := weirtest.Certificate(t, t.TempDir(), "echo")
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	return p.Stdout(`weir echo on wss://([^/]+)/`)[1], certFile
}

// TestConnectTLS: weir connect speaks wss:// with a server that it trusts, and says what to do about others.
func TestConnectTLS(t *testing.T) {
	host, certFile := echoTLS(t)
	for _, args := range []string{"--ca " + certFile + " wss://" + host + "/echo", "--insecure wss://" + host, "-k https://" + host + "/echo"} {
		t.Run(strings.Fields(args)[0], func(t *testing.T) {
			t.Parallel() // each waits for a second of silence
			got := weirtest.Run(t, "hi\n", append([]string{"connect"}, strings.Fields(args)...)...)
			if want := (weirtest.Result{Stdout: "hi\n"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	plain := weirtest.Echo(t).Host
	_, other := weirtest.Certificate(t, t.TempDir(), "another")
	another := filepath.Join(filepath.Dir(other), "cert.pem")
	for _, row := range []struct {
		name string
		args []string
		want []string
	}{
		{"an unknown authority", []string{"wss://" + host}, []string{"the certificate of " + host + " is signed by an authority that is not known here", "--ca FILE", "--insecure"}},
		{"another authority", []string{"--ca", another, "wss://" + host}, []string{"an authority that is not known here"}},
		{"no TLS", []string{"wss://" + plain}, []string{plain + " answers without TLS", "ws://"}},
		{"TLS, and not asked for", []string{"ws://" + host}, []string{host + " answered 400 Bad Request", "this port speaks HTTPS"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := weirtest.Run(t, "", append([]string{"connect"}, row.args...)...)
			if got.Exit != 1 || got.Stdout != "" {
				t.Errorf("got %d and %q, want 1 and nothing", got.Exit, got.Stdout)
			}
			for _, want := range row.want {
				if !strings.Contains(got.Stderr, want) {
					t.Errorf("got %q, want %q in it", got.Stderr, want)
				}
			}
		})
	}
}

// TestOperatorsTLS: the other commands that connect trust what they are told to, and say what to do about the rest.
func TestOperatorsTLS(t *testing.T) {
	certFile, keyFile := weirtest.Certificate(t, t.TempDir(), "serve")
	path := weirtest.File(t, "weir.yaml", "listen: {addr: 127.0.0.1:0, tls: {cert: "+certFile+", key: "+keyFile+"}}\nadmin: {addr: 127.0.0.1:0}\n"+
		"auth: {anonymous: {subscribe: [\"*\"]}, publish_keys: [{name: test, secret: "+strings.Repeat("k", 32)+", topics: [\"*\"]}]}\ndrain: {delay: 0s, duration: 0s}\n")
	s := weirtest.ServeFile(t, path)
	url := s.URL("https", "")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&neturl.URL{Scheme: "http", Host: s.Admin}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are the test
	front.StartTLS()
	defer front.Close()

	sub := weirtest.Start(t, "sub", "--url", url, "--ca", certFile, "--count", "1", "news")
	for !strings.Contains(weirtest.Run(t, "", "topics", "--admin", front.URL, "--ca", certFile).Stdout, "news") { // each look takes a while
	}
	if got := weirtest.Run(t, "", "pub", "-c", path, "--url", url, "-k", "news", "hello"); got.Exit != 0 || !strings.Contains(got.Stdout, "to 1 receiver, ") {
		t.Errorf("pub: got %+v", got)
	}
	sub.Stdout("^hello\n$")
	for _, args := range [][]string{{"sub", "--url", url, "news"}, {"pub", "-c", path, "--url", url, "news", "x"}, {"topics", "--admin", front.URL}, {"bench", "hostile", url}} {
		if got := weirtest.Run(t, "", args...); got.Exit != 1 || !strings.Contains(got.Stderr, "an authority that is not known here") {
			t.Errorf("%v: got %+v", args, got)
		}
	}
	if got := weirtest.Run(t, "", "pub", "-c", path, "--url", "https://"+s.Admin, "news", "x"); got.Exit != 1 || !strings.Contains(got.Stderr, s.Admin+" answers without TLS") {
		t.Errorf("pub with TLS, and the port has none: got %+v", got)
	}
}

// TestEchoTLSMistakes: what is wrong with the flags is said before a port is taken.
func TestEchoTLSMistakes(t *testing.T) {
	certFile, keyFile := weirtest.Certificate(t, t.TempDir(), "a")
	_, other := weirtest.Certificate(t, t.TempDir(), "b")
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"no key", []string{"echo", "--tls-cert", certFile}, "belong together"},
		{"another's key", []string{"echo", "--tls-cert", certFile, "--tls-key", other}, "cannot be taken"},
		{"a missing file", []string{"echo", "--tls-cert", certFile + ".no", "--tls-key", keyFile}, "no such file"},
		{"trust without TLS", []string{"bench", "echo", "--insecure", "ws://127.0.0.1:1/"}, "begins with wss://"},
		{"no certificate to trust", []string{"bench", "echo", "--ca", keyFile, "wss://127.0.0.1:1/"}, "has no certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := weirtest.Run(t, "", row.args...); got.Exit != 2 || !strings.Contains(got.Stderr, row.want) {
				t.Errorf("got %d, %q, want 2 and %q", got.Exit, got.Stderr, row.want)
			}
		})
	}
}
