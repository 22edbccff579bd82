package certificate

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// shown is the name in the certificate that a handshake gets.
func shown(t *testing.T, c *tls.Config) string {
	t.Helper()
	cert, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.Subject.CommonName
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := weirtest.Certificate(t, dir, "first")
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: certFile, Key: keyFile}
	var log bytes.Buffer
	source, err := Open(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	source.(*files).every = 0
	tlsConfig := source.Config()
	if got := shown(t, tlsConfig); got != "first" {
		t.Errorf("got %s, want first", got)
	}
	next, nextKey := weirtest.Issue(t, "second")
	weirtest.Replace(t, certFile, next) // half of a pair
	if got := shown(t, tlsConfig); got != "first" {
		t.Errorf("half of a pair: got %s, want first", got)
	}
	weirtest.Replace(t, keyFile, nextKey)
	if got := shown(t, tlsConfig); got != "second" {
		t.Errorf("the pair: got %s, want second", got)
	}
	for _, broken := range []func(){
		func() { weirtest.Replace(t, certFile, []byte("no certificate")) },
		func() { weirtest.Replace(t, certFile, nil) },
		func() { _ = os.Remove(keyFile) },
	} {
		broken()
		if got := shown(t, tlsConfig); got != "second" {
			t.Errorf("broken: got %s, want second", got)
		}
		if err := source.Renew(t.Context()); err == nil {
			t.Error("broken files are renewed")
		}
	}
	if n := strings.Count(log.String(), "the one before stays"); n != 4 {
		t.Errorf("it was told %d times, want once for each change:\n%s", n, log.String())
	}
	weirtest.Certificate(t, dir, "third")
	if err := source.Renew(t.Context()); err != nil || shown(t, tlsConfig) != "third" {
		t.Errorf("got %v", err)
	}
}

// TestFilesSeldom: handshakes make no more than a look every lookEvery.
func TestFilesSeldom(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := weirtest.Certificate(t, dir, "first")
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: certFile, Key: keyFile}
	source, err := Open(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := source.(*files)
	f.every = time.Hour
	f.look()
	weirtest.Certificate(t, dir, "second")
	if got := shown(t, source.Config()); got != "first" {
		t.Errorf("got %s, want first: it was looked at just now", got)
	}
}

// TestNotes: a certificate that has ended, or ends soon, is worth a word.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	weirtest.Certificate(t, dir, "first") // for an hour
	for _, test := range []struct {
		after time.Duration
		want  string
	}{{-20 * 24 * time.Hour, ""}, {0, " ends at "}, {2 * time.Hour, " ended at "}} {
		notes := strings.Join(Notes(c, time.Now().Add(test.after)), "\n")
		if (notes == "") != (test.want == "") || !strings.Contains(notes, test.want) {
			t.Errorf("after %v: got %q, want %q", test.after, notes, test.want)
		}
	}
}

// TestOpenFaults: each has its place in the configuration.
func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	cert, _ := weirtest.Issue(t, "first")
	_, otherKey := weirtest.Issue(t, "second")
	weirtest.Replace(t, filepath.Join(dir, "cert.pem"), cert)
	weirtest.Replace(t, filepath.Join(dir, "key.pem"), otherKey)
	for _, test := range []struct{ name, yaml, want string }{
		{"missing", "listen:\n  tls:\n    cert: none.pem\n    key: none.key\n", ":3:5 listen.tls.cert: open none.pem"},
		{"not a pair", "listen:\n  tls:\n    cert: " + dir + "/cert.pem\n    key: " + dir + "/key.pem\n", ":3:5 listen.tls.cert: tls: private key does not match"},
		{"roots", "listen:\n  tls:\n    acme: {domains: [a.example.com], dir: " + dir + ", ca: " + dir + "/key.pem}\n", "listen.tls.acme.ca: " + dir + "/key.pem has no certificate"},
		{"dir", "listen:\n  tls:\n    acme: {domains: [a.example.com], dir: " + dir + "/key.pem/x}\n", "listen.tls.acme.dir: mkdir "},
	} {
		path := filepath.Join(dir, "weir.yaml")
		weirtest.Replace(t, path, []byte(test.yaml))
		c, err := config.Load(config.Source{File: path})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(c, slog.New(slog.DiscardHandler))
		if faults, ok := config.AsFaults(err); !ok || !strings.Contains(faults.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
