package main_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// subject is whose certificate a server shows.
func subject(t *testing.T, host string) string {
	t.Helper()
	var leaf *x509.Certificate
	conn, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		leaf = s.PeerCertificates[0]
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return leaf.Subject.CommonName
}

// TestServeTLS: a certificate that is replaced is the next handshake's, without a
// socket lost: at once on SIGHUP, and soon without.
func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	weirtest.Certificate(t, dir, "first")
	path := weirtest.File(t, "weir.yaml", fmt.Sprintf("listen:\n  addr: 127.0.0.1:0\n  tls: {cert: %s/cert.pem, key: %s/key.pem}\nadmin: {addr: \"127.0.0.1:0\"}\nauth: {anonymous: {subscribe: [\"*\"]}}\ndrain: {delay: 0s, duration: 0s}\n", dir, dir))
	p := weirtest.ServeFile(t, path)
	host := p.Host
	if got := subject(t, host); got != "first" {
		t.Errorf("got %s, want first", got)
	}
	// A WebSocket that stays open all the while.
	conn, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	upgraded(t, conn, "")
	for _, next := range []string{"second", "third"} {
		weirtest.Certificate(t, dir, next)
		if next == "second" {
			p.Signal(syscall.SIGHUP)
		}
		for end := time.Now().Add(patience); subject(t, host) != next; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the %s certificate is never shown", next)
			}
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGTERM)
	if first := make([]byte, 1); readByte(t, conn, first) != 0x88 {
		t.Errorf("the socket was lost: got %x, want a close frame", first)
	}
	if code := p.Wait(); code != 0 {
		t.Errorf("got %d", code)
	}
}

func readByte(t *testing.T, conn net.Conn, b []byte) byte {
	t.Helper()
	if _, err := conn.Read(b); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

// upgraded makes a WebSocket of a connection, with more lines in the request.
func upgraded(t *testing.T, conn net.Conn, more string) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /ws?topic=news HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n", more); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", answer, err)
	}
}

// addresses are those of the connections, as operators see them.
func addresses(t *testing.T, admin string) string {
	t.Helper()
	got := weirtest.Run(t, "", "conns", "--admin", admin, "-o", "json")
	var list struct{ Conns []struct{ IP string } }
	if err := json.Unmarshal([]byte(got.Stdout), &list); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	var ips []string
	for _, c := range list.Conns {
		ips = append(ips, c.IP)
	}
	return strings.Join(ips, " ")
}

// TestServeProxies: what a trusted proxy says of a client's address is believed,
// and nobody else.
func TestServeProxies(t *testing.T) {
	for _, test := range []struct{ name, listen, before, header, want string }{
		{"X-Forwarded-For", `trusted_proxies: [127.0.0.0/8]`, "", "X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"},
		{"X-Forwarded-For of a stranger", `trusted_proxies: [10.0.0.0/8]`, "", "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1"},
		{"X-Forwarded-For of nobody", `trusted_proxies: []`, "", "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1"},
		{"PROXY", `trusted_proxies: [127.0.0.1], proxy_protocol: true`, "PROXY TCP4 203.0.113.9 127.0.0.1 5000 80\r\n", "", "203.0.113.9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := weirtest.File(t, "weir.yaml", "listen: {addr: \"127.0.0.1:0\", "+test.listen+"}\nadmin: {addr: \"127.0.0.1:0\"}\nauth: {anonymous: {subscribe: [\"*\"]}}\ndrain: {delay: 0s, duration: 0s}\n")
			p := weirtest.ServeFile(t, path)
			conn, err := net.Dial("tcp", p.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(test.before)); err != nil {
				t.Fatal(err)
			}
			upgraded(t, conn, test.header)
			if got := addresses(t, p.Admin); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestConnectOtherName: a certificate for another address than that of the URL.
func TestConnectOtherName(t *testing.T) {
	certFile, keyFile := weirtest.Certificate(t, t.TempDir(), "echo")
	p := weirtest.Start(t, "echo", "--listen", "127.0.0.2:0", "--tls-cert", certFile, "--tls-key", keyFile)
	host := p.Stdout(`weir echo on wss://([^/]+)/`)[1]
	got := weirtest.Run(t, "", "connect", "--ca", certFile, "wss://"+host)
	for _, want := range []string{"the certificate of " + host + " is for another name", "not 127.0.0.2", "Use a name that it is for"} {
		if got.Exit != 1 || !strings.Contains(got.Stderr, want) {
			t.Errorf("got %+v, want %q in it", got, want)
		}
	}
}
