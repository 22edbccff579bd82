package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

const testSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// newKey makes a private key for an algorithm.
func newKey(t *testing.T, alg string) crypto.Signer {
	t.Helper()
	var k crypto.Signer
	var err error
	switch alg {
	case "RS256", "RS384", "RS512":
		return rsaKey()
	case "ES256":
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rsaKey is made once: it takes long.
var rsaKey = sync.OnceValue(func() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// publicPEM is the public half of a key.
func publicPEM(t *testing.T, k crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// privatePEM is the whole of a key.
func privatePEM(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// verifier makes a Verifier of a configuration that change has changed.
func verifier(t *testing.T, change func(*config.Auth)) *Verifier {
	t.Helper()
	c := config.Default()
	change(&c.Auth)
	v, err := NewVerifier(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// mint signs a token that is valid for an hour, unless change says otherwise.
func mint(t *testing.T, s *Signer, change func(*Identity)) string {
	t.Helper()
	id := Identity{User: "ann", Subscribe: []string{"news:*", "chat"}, Publish: []string{"chat"}, Expires: time.Now().Add(time.Hour)}
	if change != nil {
		change(&id)
	}
	signed, err := s.Sign(id, "https://id.example.com/", "weir", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// must is for signers.
func must(s *Signer, err error) *Signer {
	if err != nil {
		panic(err)
	}
	return s
}
