package main_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// writeCertificate makes a certificate with that name, and its key.
func writeCertificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	return weirtest.Certificate(t, dir, name)
}

// TestEchoTLS: weir echo speaks wss://, weir bench trusts it when told to, and a new certificate is taken.
func TestEchoTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "first")
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	host := p.Stdout(`weir echo on wss://([^/]+)/`)[1]
	for _, trust := range [][]string{{"--ca", certFile}, {"--insecure"}} {
		got := weirtest.Run(t, "", append([]string{"bench", "echo", "--conns", "4", "--messages", "100", "--warmup", "0", "wss://" + host + "/echo"}, trust...)...)
		if got.Exit != 0 {
			t.Errorf("%v: got %d, %s", trust, got.Exit, got.Stderr)
		}
	}
	if got := weirtest.Run(t, "", "bench", "echo", "--conns", "1", "--messages", "1", "wss://"+host+"/echo"); got.Exit == 0 || !strings.Contains(got.Stderr, "certificate") {
		t.Errorf("without trust: got %d, %s", got.Exit, got.Stderr)
	}
	writeCertificate(t, dir, "second")
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

// TestEchoTLSMistakes: what is wrong with the flags is said before a port is taken.
func TestEchoTLSMistakes(t *testing.T) {
	certFile, keyFile := writeCertificate(t, t.TempDir(), "a")
	_, other := writeCertificate(t, t.TempDir(), "b")
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
