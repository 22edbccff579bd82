package publish

import (
	"errors"
	"net/http"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/glob"
	"github.com/weirws/weir/cmd/weir/internal/secret"
)

// owner is who publishes, and to what.
type owner struct {
	name   string
	topics []string // globs
}

func (o *owner) may(topic string) bool { return glob.Any(o.topics, topic) }

// keyring is who has which key, in the order of the configuration.
type keyring struct {
	owners  []owner
	secrets []string
}

func keyringOf(keys []config.PublishKey) (ring keyring) {
	for _, k := range keys {
		ring.owners = append(ring.owners, owner{k.Name, k.Topics})
		ring.secrets = append(ring.secrets, k.Secret)
	}
	return ring
}

var (
	errNoCredentials = errors.New("a key is wanted: Authorization: Bearer KEY, of auth.publish_keys, or a token that may publish")
	errWrongKey      = errors.New("the key is not one of auth.publish_keys, and no token that is accepted")
)

// authenticate says who sent r: the owner of a key, or of a token.
func (s *settings) authenticate(r *http.Request) (*owner, error) {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	credentials = strings.TrimSpace(credentials)
	if anyone := s.Config.Auth.Anonymous.Publish; r.Header.Get("Authorization") == "" && len(anyone) > 0 {
		return &owner{"a publisher without a key", anyone}, nil
	}
	if credentials == "" || !strings.EqualFold(scheme, "Bearer") {
		return nil, errNoCredentials
	}
	if i, ok := secret.Find(credentials, s.keys.secrets); ok {
		return &s.keys.owners[i], nil
	}
	if s.Verify != nil && strings.Count(credentials, ".") == 2 {
		id, err := s.Verify(r.Context(), credentials)
		if err != nil {
			return nil, err
		}
		return &owner{"user " + id.User, id.Publish}, nil
	}
	return nil, errWrongKey
}
