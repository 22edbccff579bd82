// Package trust is what weir's clients believe of a server's certificate.
package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// Trust says which certificates are believed. The zero Trust believes those of
// the system's authorities.
type Trust struct {
	CA       string // a file with the certificates of other authorities, in PEM; none
	Insecure bool   // any certificate is believed
}

// Config returns what crypto/tls is to use for a URL; nil: its defaults. The
// error is a [problem.Problem].
func (t *Trust) Config(rawURL string) (*tls.Config, error) {
	secure := strings.HasPrefix(rawURL, "wss://") || strings.HasPrefix(rawURL, "https://")
	switch {
	case !t.Insecure && t.CA == "":
		return nil, nil
	case !secure:
		return nil, problem.Usage("--ca and --insecure are for a URL that begins with wss:// or https://", "Leave them out, or write wss://.")
	case t.CA == "":
		return &tls.Config{InsecureSkipVerify: true}, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, problem.Usage("--ca cannot be read: "+err.Error(), "Name a file with certificates in PEM.")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, problem.Usage("--ca "+t.CA+" has no certificate", "Name a file with certificates in PEM.")
	}
	return &tls.Config{RootCAs: pool, InsecureSkipVerify: t.Insecure}, nil
}

// Explain makes a [problem.Problem] of an error of a TLS handshake with host. It
// returns nil for any other error.
func Explain(err error, host string) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch): // net/http has its own word for it
		return problem.Failure(err, host+" answers without TLS", "Is that its port? Without TLS its URL begins with ws:// or http://.")
	case errors.As(err, &unknown):
		return problem.Failure(err, "the certificate of "+host+" is signed by an authority that is not known here",
			"If you know it, name its certificate: --ca FILE\n--insecure connects all the same, to whoever answers.")
	case errors.As(err, &name):
		return problem.Failure(err, "the certificate of "+host+" is for another name: "+strings.TrimPrefix(name.Error(), "x509: "),
			"Use a name that it is for in the URL. --insecure connects all the same, to whoever answers.")
	case errors.As(err, &invalid):
		return problem.Failure(err, "the certificate of "+host+" is not good: "+strings.TrimPrefix(invalid.Err.Error(), "x509: "),
			"The server needs another one. --insecure connects all the same, to whoever answers.")
	}
	return nil
}
