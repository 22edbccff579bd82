package clienttest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
	"github.com/weirws/weir/engine"
)

// built builds a program of a module below testdata, which has a go.mod of its own
// so that weir does not depend on what it takes.
func built(t *testing.T, module, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), module)
	build := exec.Command("go", "build", "-o", program, pkg)
	build.Dir = filepath.Join("testdata", module)
	if out, err := build.CombinedOutput(); err != nil {
		weirtest.Require(t, module+" cannot be built: "+err.Error()+"\n"+string(out))
	}
	return program
}

// startPebble starts Let's Encrypt's test authority for a listener of ours on tlsPort, and returns its
// directory's URL and the file of its own root.
func startPebble(t *testing.T, tlsPort int) (directory, rootFile string) {
	t.Helper()
	program, dir := built(t, "pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble"), t.TempDir()
	cert, key := weirtest.Certificate(t, dir, "pebble")
	at := weirtest.FreeAddr(t)
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": at, "certificate": cert, "privateKey": key,
		"httpPort": 1, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "ninety days", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-config", weirtest.File(t, "pebble.json", string(settings)), "-dnsserver", resolver(t))
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
	return "https://localhost:" + port + "/dir", cert
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

// TestACME: weir serve gets a certificate from pebble, which connects to its
// loops, before the first client comes; clients and publishers speak TLS with
// it, and a second start takes it from the directory.
func TestACME(t *testing.T) {
	const domain = "rt.example.com"
	addr, dir := weirtest.FreeAddr(t), filepath.Join(t.TempDir(), "acme")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	tlsPort, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	directory, root := startPebble(t, tlsPort)
	configured := func(directory string) string {
		return weirtest.File(t, "weir.yaml", fmt.Sprintf(`listen:
  addr: %s
  tls: {acme: {domains: [%s], dir: %s, directory: "%s", ca: %s, email: ops@example.com}}
admin: {addr: "127.0.0.1:0"}
auth:
  anonymous: {subscribe: ["*"]}
  publish_keys: [{name: backend, secret: "a key of the backend", topics: ["*"]}]
drain: {delay: 0s, duration: 0s}
`, addr, domain, dir, directory, root))
	}
	s := weirtest.ServeFile(t, configured(directory))
	s.Stderr(`"there is a certificate","domain":"rt\.example\.com"`) // nobody has asked for it
	leaf := shown(t, s.Host, domain)
	if len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != domain || !strings.Contains(leaf.Issuer.CommonName, "Pebble") {
		t.Errorf("got a certificate for %v by %v", leaf.DNSNames, leaf.Issuer)
	}
	if _, err := tls.Dial("tcp", s.Host, &tls.Config{ServerName: "other.example.com", InsecureSkipVerify: true}); err == nil {
		t.Error("a name that is not configured got a certificate")
	}
	encrypted(t, s.Host, domain)
	s.Stop()

	// A second start asks nobody.
	s = weirtest.ServeFile(t, configured("https://127.0.0.1:1/dir"))
	if again := shown(t, s.Host, domain); !again.Equal(leaf) {
		t.Errorf("the certificate was not kept: got %v", again.Issuer)
	}
	encrypted(t, s.Host, domain)
}

// shown is the certificate that a client gets. Its authority made its root a
// moment ago, so it is not verified but looked at.
func shown(t *testing.T, addr, domain string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{ServerName: domain, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// encrypted subscribes and publishes with TLS.
func encrypted(t *testing.T, addr, domain string) {
	t.Helper()
	trust := &tls.Config{ServerName: domain, InsecureSkipVerify: true}
	got := make(chan string, 1)
	client, err := engine.NewClient(engine.Handler{Message: func(_ *engine.Conn, m engine.Message) { got <- m.String() }}, &engine.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, "wss://"+addr+"/ws?topic=a", &engine.DialOptions{TLS: trust})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RoundTrip(ctx); err != nil { // it subscribes before its pong
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+addr+"/publish/a", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a key of the backend")
	transport := &http.Transport{TLSClientConfig: trust}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	select {
	case text := <-got:
		if answer.StatusCode != http.StatusOK || text != "hello" {
			t.Errorf("got %s, and the client %q", answer.Status, text)
		}
	case <-ctx.Done():
		t.Fatal("the publication does not arrive")
	}
}
