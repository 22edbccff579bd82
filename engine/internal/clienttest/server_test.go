package clienttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirws/weir/engine"
)

const (
	subprotocol     = "weir.test"
	maxMessageBytes = 16 << 20
)

// options have room for the largest message both ways.
func options() *engine.Options {
	return &engine.Options{MaxMessageBytes: maxMessageBytes, MaxBacklogBytes: 2 * maxMessageBytes, Subprotocols: []string{subprotocol}}
}

// answers is a Handler that does what the servers of the programs do.
var answers = engine.Handler{
	Upgrade: func(r *engine.Request) (any, error) {
		if r.HTTP.URL.Path == "/refused" {
			return nil, &engine.Refusal{Status: http.StatusForbidden}
		}
		return r.HTTP.URL.Path == "/parts", nil
	},
	Message: func(c *engine.Conn, m engine.Message) {
		var code engine.StatusCode
		if rest, ok := strings.CutPrefix(m.String(), "close "); ok && m.Kind == engine.Text {
			number, reason, _ := strings.Cut(rest, " ")
			fmt.Sscan(number, &code)
			c.Close(code, reason)
			return
		}
		if c.Value().(bool) {
			sendParts(c, m.Kind, m.Data)
			return
		}
		c.Send(m.Kind, m.Data)
	},
}

// sendParts sends a message in three fragments, the second of them empty, with a ping between them.
func sendParts(c *engine.Conn, k engine.Kind, data []byte) {
	half := len(data) / 2
	c.SendWith(k, data[:half], engine.SendOptions{More: true})
	c.Ping([]byte("between"))
	c.SendWith(k, nil, engine.SendOptions{More: true})
	c.SendWith(k, data[half:], engine.SendOptions{})
}

// listen serves until the end of the test, on TLS if there is a certificate, and returns where.
func listen(t *testing.T, certFile, keyFile string) (addr string) {
	t.Helper()
	return listenAs(t, answers, options(), certFile, keyFile)
}

// listenAs is listen with another handler and options.
func listenAs(t *testing.T, h engine.Handler, o *engine.Options, certFile, keyFile string) (addr string) {
	t.Helper()
	s, err := engine.New(h, o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { // ends on Close
		if certFile != "" {
			served <- s.ServeTLS(ln, certFile, keyFile)
			return
		}
		served <- s.Serve(ln)
	}()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != engine.ErrServerClosed {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// Their clients, our server.
func TestServer(t *testing.T) {
	eachProgram(t, func(t *testing.T, p program) { p.run(t, "ws://"+listen(t, "", "")) })
}

// The same on TLS.
func TestServerTLS(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	eachProgram(t, func(t *testing.T, p program) {
		p.run(t, "wss://"+listen(t, certFile, keyFile), "SSL_CERT_FILE="+certFile, "NODE_EXTRA_CA_CERTS="+certFile)
	})
}

// certificate makes one for the loopback address, and what a client trusts.
func certificate(t *testing.T) (certFile, keyFile string, trust *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "weir.test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"weir.test"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(leaf)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private), &tls.Config{RootCAs: pool}
}
