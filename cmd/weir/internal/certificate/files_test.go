package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// issue makes a certificate that signs itself, and its key, in PEM.
func issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// put writes a file in the place of another, as tools that renew do.
func put(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// shown is the serial number of the certificate that a handshake gets.
func shown(t *testing.T, c *tls.Config) int64 {
	t.Helper()
	cert, err := c.GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf.SerialNumber.Int64()
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := issue(t, 1)
	put(t, certFile, cert)
	put(t, keyFile, key)
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: certFile, Key: keyFile}
	var log bytes.Buffer
	source, err := Open(c, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	source.(*files).every = 0
	tlsConfig := source.Config()
	if got := shown(t, tlsConfig); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	next, nextKey := issue(t, 2)
	put(t, certFile, next) // half of a pair
	if got := shown(t, tlsConfig); got != 1 {
		t.Errorf("half of a pair: got %d, want 1", got)
	}
	put(t, keyFile, nextKey)
	if got := shown(t, tlsConfig); got != 2 {
		t.Errorf("the pair: got %d, want 2", got)
	}
	for _, broken := range []func(){
		func() { put(t, certFile, []byte("no certificate")) },
		func() { put(t, certFile, nil) },
		func() { _ = os.Remove(keyFile) },
	} {
		broken()
		if got := shown(t, tlsConfig); got != 2 {
			t.Errorf("broken: got %d, want 2", got)
		}
		if err := source.Renew(t.Context()); err == nil {
			t.Error("broken files are renewed")
		}
	}
	if n := strings.Count(log.String(), "the one before stays"); n != 4 {
		t.Errorf("it was told %d times, want once for each change:\n%s", n, log.String())
	}
	last, lastKey := issue(t, 3)
	put(t, certFile, last)
	put(t, keyFile, lastKey)
	if err := source.Renew(t.Context()); err != nil || shown(t, tlsConfig) != 3 {
		t.Errorf("got %v", err)
	}
}

// TestFilesSeldom: handshakes make no more than a look every lookEvery.
func TestFilesSeldom(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := issue(t, 1)
	put(t, certFile, cert)
	put(t, keyFile, key)
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: certFile, Key: keyFile}
	source, err := Open(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := source.(*files)
	f.every = time.Hour
	f.look()
	cert, key = issue(t, 2)
	put(t, certFile, cert)
	put(t, keyFile, key)
	if got := shown(t, source.Config()); got != 1 {
		t.Errorf("got %d, want 1: it was looked at just now", got)
	}
}

// TestNotes: a certificate that has ended, or ends soon, is worth a word.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	c := config.Default()
	c.Listen.TLS = config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	cert, key := issue(t, 1) // for an hour
	put(t, c.Listen.TLS.Cert, cert)
	put(t, c.Listen.TLS.Key, key)
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
	cert, _ := issue(t, 1)
	_, otherKey := issue(t, 2)
	put(t, filepath.Join(dir, "cert.pem"), cert)
	put(t, filepath.Join(dir, "key.pem"), otherKey)
	for _, test := range []struct{ name, yaml, want string }{
		{"missing", "listen:\n  tls:\n    cert: none.pem\n    key: none.key\n", ":3:5 listen.tls.cert: open none.pem"},
		{"not a pair", "listen:\n  tls:\n    cert: " + dir + "/cert.pem\n    key: " + dir + "/key.pem\n", ":3:5 listen.tls.cert: tls: private key does not match"},
		{"roots", "listen:\n  tls:\n    acme: {domains: [a.example.com], dir: " + dir + ", ca: " + dir + "/key.pem}\n", "listen.tls.acme.ca: " + dir + "/key.pem has no certificate"},
		{"dir", "listen:\n  tls:\n    acme: {domains: [a.example.com], dir: " + dir + "/key.pem/x}\n", "listen.tls.acme.dir: mkdir "},
	} {
		path := filepath.Join(dir, "weir.yaml")
		put(t, path, []byte(test.yaml))
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
