// Package token verifies and mints the JSON Web Tokens of plain clients.
//
// A token's algorithm is pinned by the key that verifies it, never by the token
// alone, so that a public key cannot be taken for a shared secret (RFC 8725,
// 3.1); "none" is the algorithm of no key.
package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weirws/weir/cmd/weir/internal/glob"
)

// Identity is whom a token is about, and what it grants.
type Identity struct {
	User      string    // sub; may be empty
	Subscribe []string  // globs of the topics to subscribe to
	Publish   []string  // globs of the topics to publish to
	Expires   time.Time // exp
}

// MaySubscribe reports whether the topic of that name may be subscribed to.
func (id *Identity) MaySubscribe(topic string) bool { return glob.Any(id.Subscribe, topic) }

// MayPublish reports whether the topic of that name may be published to.
func (id *Identity) MayPublish(topic string) bool { return glob.Any(id.Publish, topic) }

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims
	Topics globs `json:"topics,omitempty"`
	Pub    globs `json:"pub,omitempty"`
}

// identity is what the claims grant.
func (c *claims) identity() *Identity {
	return &Identity{User: c.Subject, Subscribe: c.Topics, Publish: c.Pub, Expires: c.ExpiresAt.Time}
}

// globs is a list in a claim; a single text is a list of one.
type globs []string

// UnmarshalJSON reads a list or a text.
func (g *globs) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*g = globs{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("topics and pub are lists of texts")
	}
	if len(list) > maxGlobs {
		return fmt.Errorf("a list of %d globs; %d are the most", len(list), maxGlobs)
	}
	*g = list
	return nil
}
