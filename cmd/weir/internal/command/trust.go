package command

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// trust is what a client believes of a server's certificate.
type trust struct {
	ca       string
	insecure bool
}

func (t *trust) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&t.ca, "ca", "", "`FILE` trust these certificates for wss://")
	flags.BoolVar(&t.insecure, "insecure", false, "trust any certificate")
}

// config returns what crypto/tls is to use for a URL; nil: its defaults.
func (t *trust) config(rawURL string) (*tls.Config, error) {
	switch {
	case !t.insecure && t.ca == "":
		return nil, nil
	case !strings.HasPrefix(rawURL, "wss://"):
		return nil, problem.Usage("--ca and --insecure are for a URL that begins with wss://", "Leave them out, or write wss://.")
	case t.ca == "":
		return &tls.Config{InsecureSkipVerify: true}, nil
	}
	pem, err := os.ReadFile(t.ca)
	if err != nil {
		return nil, problem.Usage("--ca cannot be read: "+err.Error(), "Name a file with certificates in PEM.")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, problem.Usage("--ca "+t.ca+" has no certificate", "Name a file with certificates in PEM.")
	}
	return &tls.Config{RootCAs: pool, InsecureSkipVerify: t.insecure}, nil
}
