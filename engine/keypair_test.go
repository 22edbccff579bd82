package engine

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeyPair takes a certificate that is replaced, and keeps the old one while the new one is not whole.
func TestKeyPair(t *testing.T) {
	dir := t.TempDir()
	first, second := newIdentity(t, "first.test"), newIdentity(t, "second.test")
	certFile, keyFile := first.files(t, dir)
	log := new(logBook)
	p, err := newKeyPair(certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now()
	serves := func(want string) {
		t.Helper()
		later = later.Add(time.Minute)
		p.looked = time.Time{}
		cert, err := p.get(&tls.ClientHelloInfo{})
		if err != nil || cert.Leaf.Subject.CommonName != want {
			t.Errorf("serves %q, %v, want %q", cert.Leaf.Subject.CommonName, err, want)
		}
	}
	touch := func() { // a clock that is coarse hides a change within its step
		t.Helper()
		for _, name := range []string{certFile, keyFile} {
			if err := os.Chtimes(name, later, later); err != nil {
				t.Fatal(err)
			}
		}
	}
	serves("first.test")
	old, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	second.files(t, dir)
	fresh, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, old, 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	serves("first.test")
	if n := strings.Count(log.String(), "the old one stays"); n != 1 {
		t.Errorf("half a change is logged %d times: %s", n, log)
	}
	serves("first.test")
	if err := os.WriteFile(keyFile, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	serves("second.test")
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	serves("second.test")
	if n := strings.Count(log.String(), "the old one stays"); n != 2 {
		t.Errorf("a missing file and half a change are logged %d times, want 2: %s", n, log)
	}
}

// TestServeTLSWithout refuses to listen without a certificate.
func TestServeTLSWithout(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for _, row := range []struct{ name, certFile, want string }{
		{"none at all", "", "there is no certificate"},
		{"a file that is missing", missing, "no such file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := New(echo, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.ListenAndServeTLS("127.0.0.1:0", row.certFile, row.certFile); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("ListenAndServeTLS: %v, want %q", err, row.want)
			}
		})
	}
}
