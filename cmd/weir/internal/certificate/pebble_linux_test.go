package certificate

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// patience bounds every wait: it is only there to end a test that hangs.
const patience = 60 * time.Second

// buildPebble builds Let's Encrypt's test authority, which has a go.mod of its
// own so that the program does not depend on it.
func buildPebble(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "pebble")
	build := exec.Command("go", "build", "-o", program, "github.com/letsencrypt/pebble/v2/cmd/pebble")
	build.Dir = "testdata/pebble"
	if out, err := build.CombinedOutput(); err != nil {
		weirtest.Require(t, "pebble cannot be built: "+err.Error()+"\n"+string(out))
	}
	return program
}

// startPebble starts it for a listener of ours on tlsPort, and returns its
// directory's URL and the file of its own root.
func startPebble(t *testing.T, tlsPort int) (directory, rootFile string) {
	t.Helper()
	program, dir := buildPebble(t), t.TempDir()
	cert, key := issue(t, 7)
	put(t, filepath.Join(dir, "cert.pem"), cert)
	put(t, filepath.Join(dir, "key.pem"), key)
	at := freeAddress(t)
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": at, "certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": 1, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "ninety days", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "pebble.json"), settings)
	cmd := exec.Command(program, "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", resolver(t))
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it knows no other end
		_ = cmd.Wait()         // its exit code says so
	})
	listens := make(chan bool, 1)
	go func() { // ends with pebble
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "ACME directory available at") {
				listens <- true
			}
		}
		listens <- false
	}()
	select {
	case ok := <-listens:
		if !ok {
			t.Fatal("pebble has ended")
		}
	case <-time.After(patience):
		t.Fatal("pebble does not listen")
	}
	_, port, _ := net.SplitHostPort(at)
	return "https://localhost:" + port + "/dir", filepath.Join(dir, "cert.pem")
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// resolver is a name server, over TCP, for which every name is this machine's.
func resolver(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() { // ends when ln is closed
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerQueries(conn) // ends with its client
		}
	}()
	return ln.Addr().String()
}

// answerQueries reads queries, each after its length: RFC 7766, 8.
func answerQueries(conn net.Conn) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer, ok := resolve(query)
		if !ok {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func resolve(query []byte) ([]byte, bool) {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil, false
	}
	m.Header.Response, m.Additionals = true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	answer, err := m.Pack()
	return answer, err == nil
}

// safeLog is a log that a test reads while it is written.
type safeLog struct {
	mu sync.Mutex // guards the following
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestACME: a server of the engine gets a certificate from pebble, which
// connects to its loops, and serves WebSockets and plain HTTP with it; a second
// start takes it from the directory.
func TestACME(t *testing.T) {
	const domain = "rt.example.com"
	c := config.Default()
	c.Listen.TLS.ACME = config.ACME{Domains: []string{domain}, Dir: filepath.Join(t.TempDir(), "acme"), Email: "ops@example.com"}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	c.Listen.TLS.ACME.Directory, c.Listen.TLS.ACME.CA = startPebble(t, port)

	logged := new(safeLog)
	log := slog.New(slog.NewTextHandler(logged, nil))
	source, err := Open(c, log)
	if err != nil {
		t.Fatal(err)
	}
	server, err := engine.New(engine.Handler{}, &engine.Options{TLS: source.Config(), Log: log, Loops: 1, HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "plain") // an error is the client's
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() { _ = server.ServeTLS(ln, "", "") }() // ends with server
	if err := source.Renew(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, logged.b.String())
	}

	leaf := handshake(t, port, domain)
	if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != domain || !strings.Contains(leaf.Issuer.CommonName, "Pebble") {
		t.Errorf("got a certificate for %v by %v", leaf.DNSNames, leaf.Issuer)
	}
	if _, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), &tls.Config{ServerName: "other.example.com", InsecureSkipVerify: true}); err == nil {
		t.Error("a name that is not configured got a certificate")
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: domain, InsecureSkipVerify: true}}}
	answer, err := client.Get("https://127.0.0.1:" + strconv.Itoa(port) + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if answer.Body.Close(); err != nil || string(body) != "plain" {
		t.Errorf("got %q, %v", body, err)
	}

	// A second start asks nobody.
	c.Listen.TLS.ACME.Directory = "https://127.0.0.1:1/dir"
	again, err := Open(c, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Renew(t.Context()); err != nil {
		t.Errorf("the certificate was not kept: %v", err)
	}
}

// handshake returns the certificate that a client gets. Its authority made its
// root a moment ago, so it is not verified but looked at.
func handshake(t *testing.T, port int, domain string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), &tls.Config{ServerName: domain, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}
