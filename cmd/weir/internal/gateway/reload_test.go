package gateway

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/plain"
	"github.com/weirws/weir/cmd/weir/internal/token"
)

// TestReloadWithoutIssuer: a reload while the issuer of tokens is away takes no
// token's key.
func TestReloadWithoutIssuer(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q}]}`, base64.RawURLEncoding.EncodeToString(public))
	}))
	t.Cleanup(issuer.Close)
	c := with(func(c *config.Config) {
		c.Auth.Anonymous = config.Grant{}
		c.Auth.JWKS = config.JWKS{URL: issuer.URL, Algs: []string{"EdDSA"}, Refresh: time.Hour}
	})
	g, host := startWith(t, Options{Config: c, Load: func() (*config.Config, error) { next := *c; return &next, nil }})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s, err := token.PrivateSigner("EdDSA", "", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Sign(token.Identity{Subscribe: []string{"*"}, Expires: time.Now().Add(time.Hour)}, "", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + host + plain.Path + "?topic=a&access_token=" + raw
	dial(t, url).settle()
	away.Store(true)
	if told := g.Reload(); told.Error != "" {
		t.Fatal(told)
	}
	dial(t, url).settle()
}
