package command

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirws/weir/cmd/weir/internal/config"
	"github.com/weirws/weir/cmd/weir/internal/problem"
	"github.com/weirws/weir/cmd/weir/internal/token"
)

const tokenLong = `It is signed with one of auth.keys that has a secret, or a private key. This
is for tests and scripts: a backend mints its clients' tokens itself.`

// minting is what weir token is asked for.
type minting struct {
	config  string
	key     string // a PEM file; empty: a secret of the configuration
	alg     string
	kid     string
	ttl     time.Duration
	format  format
	granted token.Identity
}

func newToken() *cobra.Command {
	var m minting
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Mint a token that says who may subscribe and publish to what",
		Long:  tokenLong,
		Example: `weir token -c weir.yaml --user ann --topic 'news:*' --ttl 1h
weir token --key private.pem --user ann --topic chat --pub chat`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signed, err := m.mint(time.Now())
			if err != nil {
				return err
			}
			if m.format == asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"token": signed, "user": m.granted.User, "expires": m.granted.Expires.UTC().Format(time.RFC3339)})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), signed)
			return unwritten(err)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	addConfig(cmd, &m.config)
	flags.StringVar(&m.key, "key", "", "`FILE` a private key in PEM, instead of a secret")
	flags.StringVar(&m.alg, "alg", "", "`ALG` one that the key is for, like ES256")
	flags.StringVar(&m.kid, "kid", "", "`ID` which key it is")
	flags.StringVar(&m.granted.User, "user", "", "`NAME` whom the token is about")
	flags.StringArrayVar(&m.granted.Subscribe, "topic", nil, "`GLOB` topics to subscribe to; repeatable")
	flags.StringArrayVar(&m.granted.Publish, "pub", nil, "`GLOB` topics to publish to; repeatable")
	flags.DurationVar(&m.ttl, "ttl", time.Hour, "`DURATION` how long it is good")
	addFormat(cmd, &m.format)
	return cmd
}

// mint signs the token.
func (m *minting) mint(now time.Time) (string, error) {
	if m.ttl <= 0 {
		return "", problem.Usage("weir token: --ttl "+m.ttl.String()+" is over before it begins", "Try: --ttl 1h")
	}
	c, err := loadConfig(m.config)
	if err != nil {
		return "", err
	}
	signer, err := m.signer(c)
	if err != nil {
		return "", err
	}
	m.granted.Expires = now.Add(m.ttl)
	signed, err := signer.Sign(m.granted, c.Auth.Issuer, c.Auth.Audience, now)
	if err != nil {
		return "", problem.Failure(err, "the token cannot be signed: "+err.Error(), "")
	}
	return signed, nil
}

func (m *minting) signer(c *config.Config) (*token.Signer, error) {
	if m.key != "" {
		text, err := os.ReadFile(m.key)
		if err != nil {
			return nil, problem.Usage("--key cannot be read: "+err.Error(), "")
		}
		s, err := token.PrivateSigner(m.alg, m.kid, text)
		if err != nil {
			return nil, problem.Usage("--key "+m.key+" is of no use: "+strings.TrimPrefix(err.Error(), "token: "), "")
		}
		return s, nil
	}
	for _, k := range c.Auth.Keys {
		if k.Secret == "" || m.kid != "" && k.ID != m.kid || m.alg != "" && k.Alg != m.alg {
			continue
		}
		return token.SecretSigner(k.Alg, k.ID, k.Secret)
	}
	if len(c.Auth.Keys) > 0 {
		return nil, problem.Usage("none of auth.keys has a secret, and the --kid and --alg that are wanted", "Name the private key: --key private.pem")
	}
	return nil, problem.Usage("weir token wants a key, and there are no auth.keys", "Name the configuration, or a private key: -c weir.yaml, --key private.pem")
}
