package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

var allAlgs = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}

// TestVerify: what is signed by each algorithm is verified with the key of that
// algorithm, and with no other's.
func TestVerify(t *testing.T) {
	tokens := map[string]string{}
	verifiers := map[string]*Verifier{}
	for _, alg := range allAlgs {
		if strings.HasPrefix(alg, "HS") {
			tokens[alg] = mint(t, must(SecretSigner(alg, "", testSecret)), nil)
			verifiers[alg] = verifier(t, func(a *config.Auth) { a.Keys = []config.Key{{Alg: alg, Secret: testSecret}} })
			continue
		}
		k := newKey(t, alg)
		tokens[alg] = mint(t, must(PrivateSigner(alg, "", privatePEM(t, k))), nil)
		verifiers[alg] = verifier(t, func(a *config.Auth) { a.Keys = []config.Key{{Alg: alg, PublicKey: publicPEM(t, k)}} })
	}
	for signed, token := range tokens {
		for pinned, v := range verifiers {
			id, err := v.Verify(t.Context(), token)
			if (err == nil) != (signed == pinned) {
				t.Errorf("a token of %s and a key of %s: got %v, %v", signed, pinned, id, err)
			}
			if err != nil {
				continue
			}
			if id.User != "ann" || !id.MaySubscribe("news:de") || id.MaySubscribe("secret") || !id.MayPublish("chat") || id.MayPublish("news:de") || time.Until(id.Expires) < 59*time.Minute {
				t.Errorf("%s: got %+v", signed, id)
			}
		}
	}
}

// raw puts a token together, signed by nobody.
func raw(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(header) + "." + part(claims)
}

// TestRefused: the attacks of RFC 8725 and plain mistakes.
func TestRefused(t *testing.T) {
	k := newKey(t, "RS256")
	public := publicPEM(t, k)
	v := verifier(t, func(a *config.Auth) {
		a.Keys = []config.Key{{Alg: "RS256", PublicKey: public}, {ID: "hs", Alg: "HS256", Secret: testSecret}}
		a.Issuer, a.Audience, a.Leeway = "https://id.example.com/", "weir", 30*time.Second
	})
	hs := must(SecretSigner("HS256", "hs", testSecret))
	later := time.Now().Add(time.Hour).Unix()
	sign := func(header, claims map[string]any) string {
		text := raw(t, header, claims)
		sig, err := jwt.SigningMethodHS256.Sign(text, []byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	good := func(change map[string]any) map[string]any {
		c := map[string]any{"sub": "ann", "exp": later, "iss": "https://id.example.com/", "aud": "weir"}
		for k, v := range change {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	header := map[string]any{"alg": "HS256", "kid": "hs"}
	if _, err := v.Verify(t.Context(), sign(header, good(nil))); err != nil {
		t.Fatalf("what the rest differs from is refused: %v", err)
	}
	valid := mint(t, hs, nil)
	for _, test := range []struct{ name, token, want string }{
		{"none", raw(t, map[string]any{"alg": "none"}, good(nil)) + ".", "no key is for its alg"},
		{"None", raw(t, map[string]any{"alg": "None"}, good(nil)) + ".", "alg is not understood"},
		{"public key as secret", mint(t, must(SecretSigner("HS256", "", public)), nil), "no key is for its alg"},
		{"public key as secret, with the kid", mint(t, must(SecretSigner("HS256", "hs", public)), nil), "signature"},
		{"secret without its kid", mint(t, must(SecretSigner("HS256", "", testSecret)), nil), "no key is for its alg"},
		{"another key", mint(t, must(SecretSigner("HS256", "hs", testSecret+"x")), nil), "signature"},
		{"cut", valid[:len(valid)-4], ""},
		{"no signature", valid[:strings.LastIndexByte(valid, '.')+1], "signature"},
		{"changed claims", strings.Replace(valid, ".ey", ".eY", 1), ""},
		{"expired", mint(t, hs, func(id *Identity) { id.Expires = time.Now().Add(-31 * time.Second) }), "expired"},
		{"no exp", sign(header, good(map[string]any{"exp": nil})), "exp"},
		{"exp is a text", sign(header, good(map[string]any{"exp": "tomorrow"})), ""},
		{"not yet", sign(header, good(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()})), "not valid yet"},
		{"iss", sign(header, good(map[string]any{"iss": "https://evil.example.com/"})), "iss"},
		{"no iss", sign(header, good(map[string]any{"iss": nil})), "iss"},
		{"aud", sign(header, good(map[string]any{"aud": "other"})), "aud"},
		{"crit", sign(map[string]any{"alg": "HS256", "kid": "hs", "crit": []string{"exp"}}, good(nil)), "critical"},
		{"topics a number", sign(header, good(map[string]any{"topics": 5})), "JSON Web Token"},
		{"too many globs", sign(header, good(map[string]any{"topics": slices.Repeat([]string{"a"}, maxGlobs+1)})), "JSON Web Token"},
		{"empty", "", "JSON Web Token"},
		{"dots", "..", "JSON Web Token"},
		{"long", strings.Repeat("a", maxTokenBytes+1), "bytes"},
	} {
		id, err := v.Verify(t.Context(), test.token)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want %q", test.name, id, err, test.want)
		}
		if (test.name == "expired") != errors.Is(err, ErrExpired) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
	// Within the leeway a clock may be off.
	if _, err := v.Verify(t.Context(), mint(t, hs, func(id *Identity) { id.Expires = time.Now().Add(-20 * time.Second) })); err != nil {
		t.Errorf("20 s late: %v", err)
	}
}

// TestGlobsOfText: a claim may be one text.
func TestGlobsOfText(t *testing.T) {
	var c claims
	if err := json.Unmarshal([]byte(`{"topics":"a*","pub":["b","c"]}`), &c); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Topics, globs{"a*"}) || !reflect.DeepEqual(c.Pub, globs{"b", "c"}) {
		t.Errorf("got %+v", c)
	}
}

// TestRotation: two secrets are good at a time.
func TestRotation(t *testing.T) {
	v := verifier(t, func(a *config.Auth) {
		a.Keys = []config.Key{{Alg: "HS256", Secret: testSecret}, {Alg: "HS256", Secret: "new " + testSecret}}
	})
	for _, secret := range []string{testSecret, "new " + testSecret} {
		if _, err := v.Verify(t.Context(), mint(t, must(SecretSigner("HS256", "", secret)), nil)); err != nil {
			t.Error(err)
		}
	}
}

// TestBadKeys: each has its place in the configuration.
func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rsa := newKey(t, "RS256")
	c, err := config.Load(config.Source{File: write("weir.yaml", `
auth:
  keys:
    - {alg: RS256, public_key: `+write("good.pem", publicPEM(t, rsa))+`}
    - {alg: RS256, public_key: `+filepath.Join(dir, "none.pem")+`}
    - {alg: ES256, public_key: `+filepath.Join(dir, "good.pem")+`}
    - {alg: RS256, public_key: `+write("private.pem", string(privatePEM(t, rsa)))+`}
    - {alg: RS256, public_key: `+write("text.pem", "hello")+`}
    - alg: ES384
      public_key: `+write("p256.pem", publicPEM(t, newKey(t, "ES256")))+`
`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewVerifier(c, nil)
	faults, ok := config.AsFaults(err)
	if !ok || len(faults) != 5 {
		t.Fatalf("got %v, want five faults", err)
	}
	for i, want := range []string{
		":5:20 auth.keys[1].public_key: open ",
		":6:20 auth.keys[2].public_key: the key is for RS256, RS384, RS512, not ES256",
		":7:20 auth.keys[3].public_key: it is a private key",
		":8:20 auth.keys[4].public_key: it is not PEM",
		":10:7 auth.keys[5].public_key: the key is for ES256, not ES384",
	} {
		if got := faults[i].String(); !strings.Contains(got, "weir.yaml"+want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzVerify: nothing panics, and nothing that was not signed is accepted.
func FuzzVerify(f *testing.F) {
	c := config.Default()
	c.Auth.Keys = []config.Key{{Alg: "HS256", Secret: testSecret}}
	v, err := NewVerifier(c, nil)
	if err != nil {
		f.Fatal(err)
	}
	signer := must(SecretSigner("HS256", "", testSecret))
	good, err := signer.Sign(Identity{User: "ann", Expires: time.Unix(1<<40, 0)}, "", "", time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("..")
	f.Add(good[:len(good)-1])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := v.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Errorf("%q: got %+v", token, id)
		}
	})
}
