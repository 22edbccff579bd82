package clienttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/weirws/weir/cmd/weir/internal/weirtest"
)

// What the guarded server of these tests knows.
const (
	jwtSecret  = "a secret of at least thirty-two bytes"
	publishKey = "a key of at least sixteen bytes"
)

// issuer publishes the keys of tokens.
type issuer struct {
	*httptest.Server
	fetched chan struct{} // closed when the first set was given out
	dir     string        // of the private keys, in PEM

	mu   sync.Mutex // guards the following
	body []byte
}

// newIssuer makes an RSA, an EC and an Ed25519 key, and one that is not
// published.
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	is := &issuer{fetched: make(chan struct{}), dir: t.TempDir()}
	first := sync.OnceFunc(func() { close(is.fetched) })
	is.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is.mu.Lock()
		defer is.mu.Unlock()
		if r.Method == http.MethodPut {
			is.body, _ = io.ReadAll(r.Body) // what is lost is no key set
			return
		}
		_, _ = w.Write(is.body) // an error is the client's
		first()
	}))
	t.Cleanup(is.Close)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	static, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	es, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := es.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	set := []map[string]string{
		{"kid": "rs", "kty": "RSA", "n": b64(rs.N.Bytes()), "e": b64(big.NewInt(int64(rs.E)).Bytes())},
		{"kid": "es", "kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		{"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": b64(public)},
	}
	if is.body, err = json.Marshal(map[string]any{"keys": set}); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]crypto.Signer{"rs": rs, "es": es, "ed": ed, "static": static} {
		is.write(t, name+".pem", "PRIVATE KEY", k)
	}
	is.write(t, "static.pub", "PUBLIC KEY", static)
	return is
}

// write writes a key, or its public half.
func (is *issuer) write(t *testing.T, name, kind string, k crypto.Signer) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if kind == "PUBLIC KEY" {
		der, err = x509.MarshalPKIXPublicKey(k.Public())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(is.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// guarded starts a weir serve that wants tokens, and returns its configuration.
func guarded(t *testing.T, is *issuer, origins ...string) (config string, s *weirtest.Server) {
	t.Helper()
	allowed, err := json.Marshal(origins)
	if err != nil {
		t.Fatal(err)
	}
	config = weirtest.File(t, "weir.yaml", fmt.Sprintf(`listen: {addr: "127.0.0.1:0"}
admin: {addr: "127.0.0.1:0"}
auth:
  keys:
    - {id: hs, alg: HS256, secret: %q}
    - {id: static, alg: RS256, public_key: %q}
  jwks: {url: %q, algs: [RS256, ES256, EdDSA]}
  publish_keys: [{name: test, secret: %q, topics: ["*"]}]
  allowed_origins: %s
  leeway: 5s
  grace: 2s
limits: {client_rate: 0}
drain: {delay: 0s, duration: 0s}
`, jwtSecret, filepath.Join(is.dir, "static.pub"), is.URL, publishKey, allowed))
	s = weirtest.ServeFile(t, config)
	s.Key = publishKey
	<-is.fetched
	return config, s
}

// TestWSTokens: the npm package ws comes with tokens that Node signs.
func TestWSTokens(t *testing.T) {
	cmd := npmScript(t, "testdata/tokens.js")
	is := newIssuer(t)
	_, s := guarded(t, is, "https://*.example.com")
	cmd.Env = append(cmd.Environ(), "WEIR_KEY="+publishKey, "WEIR_JWT_SECRET="+jwtSecret)
	runCases(t, cmd, "ws://"+s.Host, is.dir, is.URL)
}

// TestChromiumTokens: a page of an origin that is allowed listens and publishes
// with a token in the subprotocol, as a browser can set no header.
func TestChromiumTokens(t *testing.T) {
	b := newBrowser(t)
	page, is := weirtest.Serve(t), newIssuer(t)
	config, s := guarded(t, is, "http://"+page.Host)
	mint := func(ttl string) string {
		got := weirtest.Run(t, "", "token", "-c", config, "--user", "ann", "--topic", "chat", "--pub", "chat", "--ttl", ttl)
		if got.Exit != 0 {
			t.Fatalf("weir token: got %+v", got)
		}
		return strings.TrimSpace(got.Stdout)
	}
	p := b.open(page.URL("http", "/healthz"), 800, 600, "light")
	p.eval(fmt.Sprintf(`globalThis.come = (token, topic = 'chat') => new Promise(resolve => {
		const s = new WebSocket('ws://%s/ws?topic=' + topic, token && ['bearer.' + token])
		s.binaryType = 'arraybuffer'
		s.got = []
		s.onmessage = m => s.got.push(m.data)
		s.onopen = () => resolve(s)
		s.onclose = e => { s.code = e.code; resolve(s) }
	})`, s.Host), nil)
	want := func(expression, value string) {
		t.Helper()
		var got string
		p.eval(expression, &got)
		if got != value {
			t.Errorf("%s: got %s, want %s", expression, got, value)
		}
	}
	good := mint("1h")
	p.eval(fmt.Sprintf(`Promise.all([come(%q), come(%q)]).then(both => [globalThis.from, globalThis.to] = both)`, good, good), nil)
	want(`[from, to].map(s => s.readyState + s.protocol).join()`, strings.Join([]string{"1bearer." + good, "1bearer." + good}, ","))
	p.eval(`from.send(Uint8Array.from({length: 65536}, (_, i) => i * 7)); from.send('ä€😀')`, nil)
	p.wait(`to.got.length === 2`)
	want(`to.got[0] instanceof ArrayBuffer && new Uint8Array(to.got[0]).every((v, i) => v === i * 7 % 256) && to.got[0].byteLength + to.got[1]`, "65536ä€😀")
	publish(t, s, "chat", "application/octet-stream", "\x00\xff")
	p.wait(`from.got.length === 1 && from.got[0].byteLength === 2`)
	p.eval(fmt.Sprintf(`come(%q).then(s => globalThis.short = s)`, mint("1s")), nil)
	p.wait(`short.code === 4009`)
	want(`[from, to].map(s => s.readyState).join()`, "1,1")
	for name, expression := range map[string]string{
		"no token":      `come().then(s => String(s.code))`,
		"a bad token":   fmt.Sprintf(`come(%q).then(s => String(s.code))`, good+"x"),
		"another topic": fmt.Sprintf(`come(%q, 'secret').then(s => String(s.code))`, good),
	} {
		t.Run(name, func(t *testing.T) { want(expression, "1006") })
	}
	foreign := weirtest.Serve(t)
	q := b.open(foreign.URL("http", "/healthz"), 800, 600, "light")
	var code int
	q.eval(fmt.Sprintf(`new Promise(r => { const s = new WebSocket('ws://%s/ws?topic=chat', ['bearer.%s']); s.onopen = () => r(1); s.onclose = e => r(e.code) })`, s.Host, good), &code)
	if code != 1006 {
		t.Errorf("a page of an origin that is not allowed: got %d, want 1006", code)
	}
}
