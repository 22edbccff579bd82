package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// issuer serves a key set over HTTP.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex // guards the following
	status  int
	body    string
	fetches int
}

func newIssuer(t *testing.T) *issuer {
	is := &issuer{status: http.StatusOK, body: `{"keys":[]}`}
	is.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		is.mu.Lock()
		defer is.mu.Unlock()
		is.fetches++
		w.WriteHeader(is.status)
		_, _ = w.Write([]byte(is.body)) // an error is the client's
	}))
	t.Cleanup(is.Close)
	return is
}

func (is *issuer) serve(status int, body string) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.status, is.body = status, body
}

func (is *issuer) count() int {
	is.mu.Lock()
	defer is.mu.Unlock()
	return is.fetches
}

// jwk is a public key as RFC 7517 has it.
func jwk(kid, alg string, public crypto.PublicKey) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	m := map[string]any{"kid": kid}
	if alg != "" {
		m["alg"] = alg
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		m["kty"], m["n"], m["e"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		half := (len(point) - 1) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", k.Curve.Params().Name, b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", b64(k)
	case []byte:
		m["kty"], m["k"] = "oct", b64(k)
	}
	return m
}

func set(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// withSet is a verifier of an issuer's tokens that may ask at any time.
func withSet(t *testing.T, is *issuer, algs ...string) *Verifier {
	t.Helper()
	v := verifier(t, func(a *config.Auth) { a.JWKS = config.JWKS{URL: is.URL, Algs: algs, Refresh: time.Hour} })
	v.set.every = 0
	return v
}

func TestKeySet(t *testing.T) {
	is := newIssuer(t)
	rs, es, ed := newKey(t, "RS256"), newKey(t, "ES256"), newKey(t, "EdDSA")
	is.serve(http.StatusOK, set(
		jwk("r", "RS256", rs.Public()), jwk("e", "", es.Public()), jwk("d", "EdDSA", ed.Public()),
		jwk("s", "HS256", []byte(testSecret)),
		map[string]any{"kid": "u", "kty": "OKP", "crv": "Ed448", "x": "AAAA"},
		map[string]any{"kid": "x", "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"},
	))
	v := withSet(t, is, "RS256", "RS512", "ES256", "EdDSA")
	sign := func(alg, kid string, k crypto.Signer) string {
		return mint(t, must(PrivateSigner(alg, kid, privatePEM(t, k))), nil)
	}
	for _, test := range []struct {
		name, token string
		good        bool
	}{
		{"RS256", sign("RS256", "r", rs), true},
		{"ES256", sign("ES256", "e", es), true},
		{"EdDSA", sign("EdDSA", "d", ed), true},
		{"no kid", sign("EdDSA", "", ed), true},
		{"an algorithm that the key is not for", sign("RS512", "r", rs), false},
		{"an algorithm that is not allowed", sign("RS384", "r", rs), false},
		{"another's kid", sign("ES256", "r", es), false},
		{"an unknown kid", sign("RS256", "z", rs), false},
		{"a secret that was published", mint(t, must(SecretSigner("HS256", "s", testSecret)), nil), false},
		{"the public key as a secret", mint(t, must(SecretSigner("HS256", "r", publicPEM(t, rs))), nil), false},
	} {
		id, err := v.Verify(t.Context(), test.token)
		if (err == nil) != test.good {
			t.Errorf("%s: got %v, %v", test.name, id, err)
		}
	}
}

// TestKeySetRotates: a key that is new is fetched when its first token comes, and
// one that is gone is good no more.
func TestKeySetRotates(t *testing.T) {
	is := newIssuer(t)
	before, after := newKey(t, "EdDSA"), newKey(t, "EdDSA")
	is.serve(http.StatusOK, set(jwk("1", "", before.Public())))
	v := withSet(t, is, "EdDSA")
	first := mint(t, must(PrivateSigner("", "1", privatePEM(t, before))), nil)
	second := mint(t, must(PrivateSigner("", "2", privatePEM(t, after))), nil)
	if _, err := v.Verify(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	is.serve(http.StatusOK, set(jwk("2", "", after.Public())))
	if _, err := v.Verify(t.Context(), second); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(t.Context(), first); err == nil {
		t.Error("a key that is gone is still good")
	}
	// An issuer that is broken takes nothing away.
	for _, body := range []string{"", "<html>", `{"keys":[]}`, strings.Repeat(" ", maxSetBytes+1)} {
		is.serve(http.StatusOK, body)
		if _, err := v.Verify(t.Context(), first); err == nil {
			t.Error("a key that is gone is still good")
		}
		if _, err := v.Verify(t.Context(), second); err != nil {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

// TestKeySetUnavailable: a token is neither good nor bad before the first fetch.
func TestKeySetUnavailable(t *testing.T) {
	is := newIssuer(t)
	k := newKey(t, "ES256")
	is.serve(http.StatusInternalServerError, "")
	v := withSet(t, is, "ES256")
	token := mint(t, must(PrivateSigner("", "1", privatePEM(t, k))), nil)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	is.serve(http.StatusOK, set(jwk("1", "", k.Public())))
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

// TestKeySetInherited: the keys of a set outlive a reload while their issuer is
// away, and not a change of what is allowed, or of the issuer.
func TestKeySetInherited(t *testing.T) {
	is, other := newIssuer(t), newIssuer(t)
	k := newKey(t, "EdDSA")
	is.serve(http.StatusOK, set(jwk("1", "", k.Public())))
	token := mint(t, must(PrivateSigner("", "1", privatePEM(t, k))), nil)
	old := withSet(t, is, "EdDSA", "ES256")
	if _, err := old.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	is.serve(http.StatusBadGateway, "")
	other.serve(http.StatusBadGateway, "")
	for _, test := range []struct {
		name string
		next *Verifier
		want error
	}{
		{"the same", withSet(t, is, "EdDSA", "ES256"), nil},
		{"fewer algorithms", withSet(t, is, "EdDSA"), ErrUnavailable},
		{"another issuer", withSet(t, other, "EdDSA", "ES256"), ErrUnavailable},
	} {
		test.next.Inherit(old)
		if _, err := test.next.Verify(t.Context(), token); err != test.want {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	is.serve(http.StatusOK, set(jwk("2", "", newKey(t, "EdDSA").Public())))
	fresh := withSet(t, is, "EdDSA", "ES256")
	fresh.set.ask(t.Context())
	fresh.Inherit(old)
	if _, err := fresh.Verify(t.Context(), token); err == nil {
		t.Error("a key that is gone is good again")
	}
}

// TestKeySetAsksSeldom: whoever invents kids makes one fetch, not one for each.
func TestKeySetAsksSeldom(t *testing.T) {
	is := newIssuer(t)
	k := newKey(t, "EdDSA")
	is.serve(http.StatusOK, set(jwk("1", "", k.Public())))
	v := withSet(t, is, "EdDSA")
	v.set.every = time.Hour
	v.set.find(t.Context(), "EdDSA", "1") // behind the first fetch
	before := is.count()
	for _, other := range []string{mint(t, must(SecretSigner("HS256", "other", testSecret)), nil), mint(t, must(PrivateSigner("", "other", privatePEM(t, newKey(t, "ES384")))), nil)} {
		if _, err := v.Verify(t.Context(), other); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("an algorithm that is not allowed: got %v", err)
		}
	}
	if n := is.count() - before; n != 0 {
		t.Errorf("got %d fetches for algorithms that are not allowed", n)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := v.Verify(t.Context(), mint(t, must(PrivateSigner("", "invented", privatePEM(t, k))), nil)); err == nil {
				t.Error("an unknown kid is good")
			}
		})
	}
	wg.Wait()
	if n := is.count(); n > 2 { // the first of all, and one that was asked for
		t.Errorf("got %d fetches, want two at most", n)
	}
	v.Close()
	if _, err := v.Verify(t.Context(), mint(t, must(PrivateSigner("", "1", privatePEM(t, k))), nil)); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// FuzzParseSet: nothing panics, and nothing but what is allowed comes out.
func FuzzParseSet(f *testing.F) {
	t := new(testing.T)
	f.Add(set(jwk("r", "RS256", rsaKey().Public()), jwk("e", "", newKey(t, "ES256").Public()), jwk("d", "", newKey(t, "EdDSA").Public())))
	f.Add(set(jwk("s", "HS256", []byte(testSecret))))
	f.Add(`{"keys":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseSet([]byte(text), []string{"RS256", "EdDSA"})
		if err == nil && len(keys) == 0 {
			t.Error("an empty set is no error")
		}
		for _, k := range keys {
			for _, alg := range k.algs {
				if alg != "RS256" && alg != "EdDSA" {
					t.Errorf("got a key for %s", alg)
				}
			}
		}
	})
}
