package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirws/weir/cmd/weir/internal/config"
)

// ErrUnavailable says that a token cannot be judged now: the keys could not be
// fetched yet. It is the server's fault, not the client's.
var ErrUnavailable = errors.New("token: the keys are not there yet")

// ErrExpired says that a token was good once.
var ErrExpired = errors.New("token: it has expired")

// Verifier judges tokens. Its methods may be called from any goroutine.
type Verifier struct {
	static []key
	set    *keySet // nil: there is none
	parser *jwt.Parser
	stop   context.CancelFunc
}

// NewVerifier returns a Verifier for the keys of a configuration. What is wrong
// with them is returned as [config.Faults]. If there is a key set, it is fetched
// in the background until Close; log is told when that fails.
func NewVerifier(c *config.Config, log *slog.Logger) (*Verifier, error) {
	a := &c.Auth
	v := new(Verifier)
	var faults config.Faults
	for i, ck := range a.Keys {
		k, err := staticKey(ck)
		if err != nil {
			faults = append(faults, c.Fault(fmt.Sprintf("auth.keys[%d].public_key", i), err.Error()))
			continue
		}
		v.static = append(v.static, k)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	rules := []jwt.ParserOption{
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(a.Leeway),
		jwt.WithStrictDecoding(),
	}
	if a.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(a.Issuer))
	}
	if a.Audience != "" {
		rules = append(rules, jwt.WithAudience(a.Audience))
	}
	v.parser = jwt.NewParser(rules...)
	var ctx context.Context
	ctx, v.stop = context.WithCancel(context.Background())
	if a.JWKS.URL != "" {
		v.set = openKeySet(ctx, a.JWKS, log)
	}
	return v, nil
}

// Inherit takes over the keys that old has fetched, if they are of the same set,
// until the first fetch of v's own succeeds.
func (v *Verifier) Inherit(old *Verifier) {
	if v.set == nil || old.set == nil || v.set.URL != old.set.URL || !slices.Equal(v.set.Algs, old.set.Algs) {
		return
	}
	if keys := old.set.keys.Load(); keys != nil {
		v.set.keys.CompareAndSwap(nil, keys) // nil: it was quicker
	}
}

// Close ends what fetches keys, and waits until it has. Tokens are judged by the
// keys that are there from then on.
func (v *Verifier) Close() {
	v.stop()
	if v.set != nil {
		<-v.set.ended
	}
}

// Verify judges a token. It may wait some seconds for keys to be fetched, not
// longer than ctx. The error's text may be shown to the client.
func (v *Verifier) Verify(ctx context.Context, token string) (*Identity, error) {
	if len(token) > maxTokenBytes {
		return nil, fmt.Errorf("token: it has %d bytes; %d are the most", len(token), maxTokenBytes)
	}
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return v.keysFor(ctx, t) })
	if err != nil {
		return nil, explain(err)
	}
	return c.identity(), nil
}

// keysFor finds the keys that may have signed a token.
func (v *Verifier) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	if _, ok := t.Header["crit"]; ok { // RFC 7515, 4.1.11
		return nil, errKey{"it has critical header fields, and none is understood"}
	}
	alg, _ := t.Header["alg"].(string) // the parser has judged it
	kid, _ := t.Header["kid"].(string)
	keys := make([]key, 0, len(v.static))
	for _, k := range v.static {
		if k.fits(alg, kid) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 && v.set != nil {
		var err error
		if keys, err = v.set.find(ctx, alg, kid); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, errKey{fmt.Sprintf("no key is for its alg %q and kid %q", alg, kid)}
	}
	var set jwt.VerificationKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.value)
	}
	return set, nil
}

// errKey is why there is no key for a token.
type errKey struct{ what string }

func (e errKey) Error() string { return e.what }

// explain says in a few words what is wrong with a token.
func explain(err error) error {
	var noKey errKey
	switch {
	case errors.Is(err, ErrUnavailable):
		return ErrUnavailable
	case errors.As(err, &noKey):
		return fmt.Errorf("token: %w", noKey)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return errors.New("token: its signature is wrong")
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return errors.New("token: it is not valid yet")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return errors.New("token: it has no exp, or lacks an iss or aud that is wanted")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return errors.New("token: its iss is another")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return errors.New("token: its aud is another")
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return errors.New("token: its alg is not understood")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return errors.New("token: it is no JSON Web Token")
	}
	return fmt.Errorf("token: %w", err)
}
