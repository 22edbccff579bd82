package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// key verifies tokens of its algorithms, and of no other.
type key struct {
	id    string
	algs  []string
	value any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// fits reports whether the key is for tokens of that algorithm and kid.
func (k *key) fits(alg, kid string) bool {
	return slices.Contains(k.algs, alg) && (k.id == "" || k.id == kid)
}

// staticKey is a key of the configuration.
func staticKey(c config.Key) (key, error) {
	k := key{id: c.ID, algs: []string{c.Alg}}
	if strings.HasPrefix(c.Alg, "HS") {
		k.value = []byte(c.Secret)
		return k, nil
	}
	text := []byte(c.PublicKey)
	if !strings.HasPrefix(strings.TrimSpace(c.PublicKey), "-----BEGIN") {
		var err error
		if text, err = os.ReadFile(c.PublicKey); err != nil {
			return k, err
		}
	}
	var err error
	if k.value, err = parsePublic(text); err != nil {
		return k, err
	}
	algs, err := algsOf(k.value)
	if err != nil {
		return k, err
	}
	if !slices.Contains(algs, c.Alg) {
		return k, fmt.Errorf("the key is for %s, not %s", strings.Join(algs, ", "), c.Alg)
	}
	return k, nil
}

// parsePublic reads a public key, or a certificate, in PEM.
func parsePublic(text []byte) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return nil, errors.New("it is a private key, and the public one is wanted: openssl pkey -pubout")
	}
	return nil, fmt.Errorf("it is a %s, and no public key", strings.ToLower(block.Type))
}

// algsOf says which algorithms a public key may be for.
func algsOf(public any) ([]string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("an RSA key of %d bits; %d are the least", bits, minRSABits)
		}
		return []string{"RS256", "RS384", "RS512"}, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		case elliptic.P521():
			return []string{"ES512"}, nil
		}
		return nil, fmt.Errorf("no algorithm has the curve %s", k.Curve.Params().Name)
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("no algorithm has keys like %T", public)
}
