package token

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Signer mints tokens.
type Signer struct {
	method jwt.SigningMethod
	key    any
	id     string // kid; empty: none
}

// SecretSigner signs with a shared secret, by HS256, HS384 or HS512.
func SecretSigner(alg, id, secret string) (*Signer, error) {
	method, ok := jwt.GetSigningMethod(alg).(*jwt.SigningMethodHMAC)
	if !ok {
		return nil, fmt.Errorf("token: %s has no shared secret", alg)
	}
	return &Signer{method, []byte(secret), id}, nil
}

// PrivateSigner signs with a private key in PEM, by alg, or by the first
// algorithm that the key is for if that is empty.
func PrivateSigner(alg, id string, text []byte) (*Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("token: it is not PEM")
	}
	private, err := parsePrivate(block)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("token: nothing is signed with keys like %T", private)
	}
	algs, err := algsOf(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	if alg == "" {
		alg = algs[0]
	}
	if !slices.Contains(algs, alg) {
		return nil, fmt.Errorf("token: the key is for %s, not %s", strings.Join(algs, ", "), alg)
	}
	return &Signer{jwt.GetSigningMethod(alg), private, id}, nil
}

func parsePrivate(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	return nil, fmt.Errorf("it is a %s, and no private key", strings.ToLower(block.Type))
}

// Sign mints the token of an identity, issued now. issuer and audience are left
// out if they are empty.
func (s *Signer) Sign(id Identity, issuer, audience string, now time.Time) (string, error) {
	c := claims{Topics: id.Subscribe, Pub: id.Publish, RegisteredClaims: jwt.RegisteredClaims{
		Subject:   id.User,
		Issuer:    issuer,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(id.Expires),
	}}
	if audience != "" {
		c.Audience = jwt.ClaimStrings{audience}
	}
	t := jwt.NewWithClaims(s.method, c)
	if s.id != "" {
		t.Header["kid"] = s.id
	}
	return t.SignedString(s.key)
}
